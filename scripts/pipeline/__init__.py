"""One running pipeline: its services, table and topic, its two programs, and the position of every stage.

Rounds, drills, benchmarks, fidelity and the commands use this package. It does not import them.
"""
