"""What every side of the pipeline may import: the settings and the contract. Imports nothing of ours."""
