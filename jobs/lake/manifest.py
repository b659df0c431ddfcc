"""The manifest of a partition: the small file that lists its data files and their origin.

Its JSON has two keys more than the fields of ``Manifest``. ``version`` is that of its schema, such
as ``1.0``: a later minor version adds keys, which are ignored here. ``checksum`` is a SHA-256 of
all other keys, in every version. Manifests of releases before 0.2 have neither. In an object store
there is a third, ``published_by``: see ``jobs.lake.object_store.publish``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jobs.common.errors import InputError, first_line
from jobs.lake.partition import Partition

MAJOR, MINOR = 1, 0
_VERSION, _CHECKSUM, _PUBLISHED_BY = "version", "checksum", "published_by"


class ManifestFault(InputError):
    """A manifest is damaged. The message is the rest of a sentence that begins with its path."""


class NewerManifest(InputError):
    """A manifest of a later release. The message begins with its version."""


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

    def is_of(self, partition: Partition) -> bool:
        """Whether it is that of a partition: one that was copied to another's place is not."""
        return (self.table, self.scenario, self.ds, dict(self.keys)) == (
            partition.table,
            partition.scenario,
            partition.ds.isoformat(),
            dict(partition.keys),
        )

    @property
    def rows(self) -> int:
        """Number of rows in all data files."""
        return sum(file.rows for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 of the names and contents of the data files."""
        text = "\n".join(f"{file.name} {file.sha256}" for file in self.files)
        return sha256(text.encode()).hexdigest()

    def to_json(self, published_by: str | None = None) -> str:
        """Serialise with sorted keys, so that equal manifests have equal text.

        Args:
            published_by: Id of the attempt that publishes it, for a text that no other has.
        """
        content = asdict(self) | {_VERSION: f"{MAJOR}.{MINOR}"}
        if published_by is not None:
            content[_PUBLISHED_BY] = published_by
        content[_CHECKSUM] = digest_of(content)
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read what ``to_json`` has written, in this release or another.

        Raises:
            ManifestFault: If it is damaged.
            NewerManifest: If this release cannot know what it means.
        """
        content = _json_object(text)
        checksum = content.pop(_CHECKSUM, None)
        if checksum is None and _VERSION in content:
            raise ManifestFault("has lost its checksum")
        if checksum is not None and checksum != digest_of(content):
            raise ManifestFault("does not have the content that its checksum is of")
        if _VERSION in content:
            _check_version(content.pop(_VERSION))
        try:
            return _MANIFEST.validate_python(content)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(map(str, fault["loc"]))
            raise ManifestFault(f"is no manifest ({key}: {fault['msg']})") from error


_MANIFEST = TypeAdapter(Manifest)


def _json_object(text: bytes) -> dict[str, Any]:
    if not text:
        raise ManifestFault("is empty")
    try:
        content = json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise ManifestFault("is not in UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ManifestFault(f"is not JSON ({first_line(error)})") from error
    if not isinstance(content, dict):
        raise ManifestFault("is no manifest (it has no keys)")
    return content


def _check_version(version: object) -> None:
    """Check that this release can read a version of the schema."""
    parts = re.fullmatch(r"(\d{1,9})\.\d{1,9}", version) if isinstance(version, str) else None
    if parts is None:
        raise ManifestFault(f"has the version {version!r}, which is none")
    if int(parts[1]) > MAJOR:
        raise NewerManifest(
            f"version {version}, written by a later release; this one reads versions up to "
            f"{MAJOR}: install the release that wrote it"
        )


def digest_of(*parts: object) -> str:
    """SHA-256 of the canonical JSON of the parts, as used for ``Manifest.inputs``."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _iso(ts: datetime | None) -> str | None:
    if ts is None:
        return None
    aware = ts.replace(tzinfo=UTC) if ts.tzinfo is None else ts.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")
