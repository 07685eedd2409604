"""A class's submissions, each run live in a sandbox of its own."""
