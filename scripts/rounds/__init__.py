"""The rounds: rows are inserted, waited for, and what changed at every stage is recorded for the grader."""
