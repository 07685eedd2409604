"""docs/pitfalls/: a lesson for each place where the reference differs from the naive baseline.

The list is in catalogue.py. The text of a lesson is in lessons/<name>.md.j2.
"""
