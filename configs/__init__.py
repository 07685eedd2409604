"""What every package may import: the settings and the contract. It imports no other package of the project."""
