"""What the generated documents are made of: a page, and the measurements in docs/measured/."""
