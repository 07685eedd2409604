"""The live view of a pipeline: a snapshot of every stage, what reads it, and how the terminal and the web show it."""
