"""The documents that are generated, never edited: pages of code and of the measurements in docs/measured/."""
