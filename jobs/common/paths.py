"""Where the code lies, and where everything that is made goes."""

from __future__ import annotations

import os
from pathlib import Path

# The checkout; for an installed package, the folder of all packages.
PROJECT = Path(__file__).resolve().parents[2]


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
