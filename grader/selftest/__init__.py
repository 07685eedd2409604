"""The grader tested on planted mistakes: on every example of the checks, and on files damaged at random."""
