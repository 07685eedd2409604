"""`make starter`: the student's kit, made from this one, without the solution."""
