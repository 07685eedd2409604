"""`make submit`: checks what a student hands in, grades it, and packs it as the assignment asks for it."""
