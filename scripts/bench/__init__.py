"""Measurements: each module is one, run by `make bench` or alone, and recorded in docs/measured/bench/."""
