"""Which code made a result."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from jobs.common.paths import PROJECT


@cache
def code_version() -> str:
    """The commit, with ``+`` where files differ from it; outside a checkout the release."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        return described.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    try:
        return version("leakage-impact-score")
    except PackageNotFoundError:
        return "unknown"
