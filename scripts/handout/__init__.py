"""`make handout`: the assignment as a class gets it, in Markdown, HTML and PDF, with the grader's own marks."""
