"""Measurements: each module is one. `make bench` runs all of them. The results are in docs/measured/bench/."""
