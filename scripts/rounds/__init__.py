"""The rounds: insert rows, wait until the lake has them, and record for the grader what changed at every stage."""
