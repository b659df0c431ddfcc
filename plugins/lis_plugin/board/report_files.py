"""The HTML reports of a scenario, as far as they lie on the disk of the web server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.common.paths import data_folder

_NAME = re.compile(r"(?:(\d{4}-\d\d-\d\d)_)?(\d{4}-\d\d-\d\d)_[\w.-]+\.html", re.ASCII)
_MOST = 12


@dataclass(frozen=True)
class ReportFile:
    """A page that the stage ``report`` has written."""

    name: str
    first: str
    last: str

    @property
    def days(self) -> str:
        return self.last if self.first == self.last else f"{self.first} to {self.last}"


def report_files(scenario: str) -> Sequence[ReportFile]:
    """Return the newest reports of a scenario, the newest first."""
    found = [
        ReportFile(path.name, matched[1] or matched[2], matched[2])
        for path in _folder(scenario).glob("*.html")
        if (matched := _NAME.fullmatch(path.name))
    ]
    return sorted(found, key=lambda one: (one.last, one.first, one.name), reverse=True)[:_MOST]


def report_path(scenario: str, name: str) -> Path | None:
    """Return the path of a report; None if there is none of this name."""
    if not _NAME.fullmatch(name):
        return None
    path = _folder(scenario) / name
    return path if path.is_file() else None


def _folder(scenario: str) -> Path:
    # A name of a scenario has no slash: an id of a DAG cannot have one.
    return data_folder() / "reports" / scenario
