"""The manifest of a partition: the one small file that says which data files are its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class StoredFile:
    """A data file. ``path`` carries the content's hash, so equal content has an equal path."""

    name: str
    path: str
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Window:
    """The half-open time window [start, end) that a table was allowed to see, and what it saw.

    ISO 8601 in UTC. ``start`` is None where the window reaches back to the first event;
    ``max_ts`` is None for a table that saw no event.
    """

    start: str | None
    end: str
    max_ts: str | None

    @classmethod
    def until(cls, end: datetime, max_ts: datetime | None, start: datetime | None = None) -> Window:
        """Build from UTC datetimes; naive ones are taken as UTC."""
        return cls(_iso(start), _iso(end) or "", _iso(max_ts))


@dataclass(frozen=True)
class Manifest:
    """What a published partition holds, what it was made from, and what it was allowed to see.

    ``inputs`` maps what the partition was made from to its digest: a partition is current while
    these are. There is no time of writing in it, so the same content has the same bytes.
    """

    table: str
    scenario: str
    ds: str
    keys: Mapping[str, str]
    files: tuple[StoredFile, ...]
    inputs: Mapping[str, str]
    window: Window | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents of the data files."""
        text = "\n".join(f"{file.name} {file.sha256}" for file in self.files)
        return sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        content = json.loads(text)
        window = content.pop("window")
        files = tuple(StoredFile(**file) for file in content.pop("files"))
        return cls(files=files, window=Window(**window) if window else None, **content)


def digest_of(*parts: object) -> str:
    """SHA-256 of the canonical JSON of the parts; the way in which ``inputs`` are computed."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")
