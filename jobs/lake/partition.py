"""The address of one partition: table, scenario, day, and further keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from jobs.common.errors import InputError

MANIFEST = "_manifest.json"
_CLAIMS = "_claims"


@dataclass(frozen=True)
class Partition:
    """The unit of publishing. ``keys`` are further Hive-style levels below the day."""

    table: str
    scenario: str
    ds: date
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Folder in the lake, such as ``impressions/scenario=simulated_feed/ds=2026-01-31``."""
        levels = [self.table, f"scenario={self.scenario}", f"ds={self.ds.isoformat()}"]
        return "/".join(levels + [f"{key}={value}" for key, value in self.keys])

    @classmethod
    def parse(cls, text: str) -> Partition:
        """Read the path of a partition; ``str`` is the inverse.

        Raises:
            InputError: If it is none.
        """
        table, *levels = text.strip("/").split("/")
        pairs = [(name, value) for name, _, value in (level.partition("=") for level in levels)]
        try:
            (scenario, name), (ds, day), *keys = pairs
            if (scenario, ds) != ("scenario", "ds") or not all(map(all, pairs)):
                raise ValueError(text)
            return cls(table, name, date.fromisoformat(day), tuple(keys))
        except ValueError as error:
            raise InputError(
                f"{text!r} is no partition of a lake: write it as in features/scenario=S/"
                "ds=2026-01-31/ranker=R/preference=P/horizon=7"
            ) from error

    def __str__(self) -> str:
        return self.path


def manifest_path(partition: Partition) -> str:
    """The file that makes a partition visible to readers."""
    return f"{partition.path}/{MANIFEST}"


def claim_path(partition: Partition) -> str:
    """The file with the id of the newest attempt on a partition.

    On a local disk it is removed when that ends. In an object store it stays, as nothing there
    could remove it only if no newer attempt has written it.
    """
    return f"{_CLAIMS}/{_hash(partition)}"


def lock_path(partition: Partition) -> str:
    """The lock that guards the claim and the files of a partition.

    A lock file is never removed, as another process may be waiting for it. So partitions share a
    few: a lock of its own would be one file more for each.
    """
    return f"{_CLAIMS}/lock-{_hash(partition)[0]}"


def _hash(partition: Partition) -> str:
    return sha256(partition.path.encode()).hexdigest()[:32]
