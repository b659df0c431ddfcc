"""Where the pages of reports lie."""

from __future__ import annotations

from pathlib import Path

from jobs.common.paths import data_folder


def write_page(subject: str, name: str, page: str) -> Path:
    """Write a page in one step: a reader sees the old or the new one.

    Args:
        subject: Name of the scenario, or of what was compared; its folder.
        name: Name of the page. Colons are replaced, which some file systems refuse.
        page: The HTML.

    Returns:
        The path of the page.
    """
    path = data_folder() / "reports" / subject / f"{name.replace(':', '_')}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path
