"""Which code made a result."""

from __future__ import annotations

import subprocess
from functools import cache

import jobs
from jobs.common.paths import PROJECT


@cache
def code_version() -> str:
    """The commit, with ``+`` where files differ from it; outside a repository the version."""
    try:
        # An installed package may lie inside another project's repository, which ignores it.
        _git("ls-files", "--error-unmatch", "jobs/__init__.py")
        return _git("describe", "--always", "--dirty=+", "--abbrev=10")
    except (OSError, subprocess.CalledProcessError):
        return jobs.__version__


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
