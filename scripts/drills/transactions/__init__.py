"""Rows that appear late, together or from many writers."""
