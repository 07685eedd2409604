"""Packages with which a platform grades: what it asks for, from the same grader and rubric."""
