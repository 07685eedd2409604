"""A program that ends at a bad moment."""
