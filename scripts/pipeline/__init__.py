"""One running pipeline: its services, table and topic, its two programs, and where every stage of it stands.

Rounds, drills, benchmarks, fidelity and the verbs are built on this package, and nothing here knows them.
"""
