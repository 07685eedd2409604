"""`make handout`: the assignment as a class gets it, in Markdown, HTML and PDF. Marks and sentences are the grader's."""
