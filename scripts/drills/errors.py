"""What a drill says when it could not be carried out."""


class DrillError(Exception):
    """The drill could not do what it set out to do. The message says what was not seen, and where to look."""
