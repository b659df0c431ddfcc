"""Where the pages of reports lie."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.common.disk_full import whole_file
from jobs.common.paths import data_folder

LATEST = "latest.html"
"""The page of the newest days of a subject, whichever ranker has scored them last."""
_LAST_DAY = re.compile(r"^(?:\d{4}-\d\d-\d\d_)?(\d{4}-\d\d-\d\d)_")


def write_page(subject: str, as_of: str, scored: str, page: str) -> Path:
    """Write a page in one step, so that a reader sees the old or the new one.

    The page of another ranker stays beside it. ``latest.html`` is the same page again, unless there
    is one of a later day.

    Args:
        subject: Name of the scenario, or of what was compared; its folder.
        as_of: The days of the page: ``YYYY-MM-DD`` or ``first:last``.
        scored: Version of the ranker, or digest of the scores that were compared.
        page: The HTML.

    Returns:
        The path of the page.
    """
    folder = data_folder() / "reports" / subject
    folder.mkdir(parents=True, exist_ok=True)
    # Some file systems refuse colons.
    path = folder / f"{as_of.replace(':', '_')}_{scored}.html"
    _write(path, page)
    if _last_day(path) == max(_last_day(other) for other in folder.glob("*.html")):
        _write(folder / LATEST, page)
    return path


def _write(path: Path, page: str) -> None:
    with whole_file(path) as stream:
        stream.write(page.encode())


def _last_day(path: Path) -> str:
    """Return the last day that the name of a page says; empty without any."""
    found = _LAST_DAY.match(path.name)
    return found.group(1) if found else ""
