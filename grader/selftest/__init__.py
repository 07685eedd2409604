"""Tests of the grader on planted mistakes: every example of the checks, and randomly damaged files."""
