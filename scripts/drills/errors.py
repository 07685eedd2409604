"""What a drill says when it could not be carried out."""

from configs.errors import KitError


class DrillError(KitError):
    """The drill could not do what it set out to do. The message says what was not seen, and where to look."""

    exit_code = 2
