"""The error of a drill that could not be carried out."""

from configs.errors import KitError


class DrillError(KitError):
    """The drill could not inject its fault. The message says what was not seen, and where to look."""

    exit_code = 2
