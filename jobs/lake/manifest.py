"""The manifest of a partition: the small file that lists its data files and their origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any


@dataclass(frozen=True)
class StoredFile:
    """A data file. ``path`` contains a hash of the content, so equal content has equal paths."""

    name: str
    path: str
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Window:
    """The half-open time window [start, end) that a table may be computed from, and what it read.

    All times are ISO 8601 in UTC. ``start`` is None if the window reaches back to the first event.
    ``max_ts`` is the time of the newest event read, None if no event was read.
    """

    start: str | None
    end: str
    max_ts: str | None

    @classmethod
    def until(cls, end: datetime, max_ts: datetime | None, start: datetime | None = None) -> Window:
        """Build a window from datetimes; naive ones are in UTC."""
        return cls(_iso(start), _iso(end) or "", _iso(max_ts))


@dataclass(frozen=True)
class Manifest:
    """Content of a published partition, its inputs, and the time window it was computed from.

    ``inputs`` has the digest of each input by name: a partition is current as long as these are.
    There is no time of writing, so equal content gives an equal manifest.
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
        """Number of rows in all data files."""
        return sum(file.rows for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 of the names and contents of the data files."""
        text = "\n".join(f"{file.name} {file.sha256}" for file in self.files)
        return sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Serialise with sorted keys, so that equal manifests have equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Read what ``to_json`` has written."""
        content = json.loads(text)
        window = content.pop("window")
        files = tuple(StoredFile(**file) for file in content.pop("files"))
        return cls(files=files, window=Window(**window) if window else None, **content)


def digest_of(*parts: object) -> str:
    """SHA-256 of the canonical JSON of the parts, as used for ``Manifest.inputs``."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _iso(ts: datetime | None) -> str | None:
    if ts is None:
        return None
    aware = ts.replace(tzinfo=UTC) if ts.tzinfo is None else ts.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")
