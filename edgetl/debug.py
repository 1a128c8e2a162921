"""Whether ``edgetl --debug`` was asked for: child processes see it too."""

import os

VARIABLE = "EDGETL_DEBUG"


def is_on() -> bool:
    """Whether tracebacks and what the libraries print are to be shown."""
    return bool(os.environ.get(VARIABLE))


def turn_on() -> None:
    """Show them from now on, in this process and in those it starts."""
    os.environ[VARIABLE] = "1"
