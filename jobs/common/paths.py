"""Where the code lies, and where everything that is made goes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from jobs.common.errors import InputError

# The checkout; for an installed package, the folder of all packages.
PROJECT = Path(__file__).resolve().parents[2]

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)


def in_checkout() -> bool:
    """Whether this code runs from the project's own folder, and not as an installed package."""
    return (PROJECT / "pyproject.toml").is_file()


def data_folder() -> Path:
    """The folder of everything that is made.

    Returns:
        ``$LIS_DATA`` where it is set; else ``data/`` beside the code of a checkout; for an
        installed package, ``data/`` in the current folder.
    """
    chosen = os.environ.get("LIS_DATA")
    if chosen:
        return Path(chosen)
    return (PROJECT if in_checkout() else Path.cwd()) / "data"


def expand_variables(path: str, key: str) -> str:
    """A path of a scenario with the values of its ``$VARIABLES``. What is in them stays as it is.

    Args:
        path: the path.
        key: where the path is written, for the message.

    Raises:
        InputError: If a variable is not set.
    """

    def value(variable: re.Match[str]) -> str:
        name = variable[1] or variable[2]
        if name not in os.environ:
            raise InputError(
                f"{key} {path!r} has a variable that is not set: export {name}, or write the path"
            )
        return os.environ[name]

    return _VARIABLE.sub(value, path)
