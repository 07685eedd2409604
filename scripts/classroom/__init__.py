"""Grades a class: `make grade-class`."""
