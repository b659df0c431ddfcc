"""Where the code lies, and where everything that is made goes."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """Where everything that is made lives: $LIS_DATA, or ``data/`` beside the code."""
    return Path(os.environ.get("LIS_DATA", PROJECT / "data"))
