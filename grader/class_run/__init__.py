"""Grades the submissions of a whole class: finds them, grades each one, and writes the class's gradebook and page."""
