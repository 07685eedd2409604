"""Grades a class: by its evidence, or live, each submission in a sandbox of its own."""
