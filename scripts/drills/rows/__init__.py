"""Rows and messages that are not orders."""
