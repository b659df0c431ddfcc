"""What is not logged to MLflow yet: one small file in the lake for each call that logs.

A file is written before MLflow is contacted, and removed when all that it names is logged. It names
results, which lie in the lake, so that the newest figures are logged, whenever that is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from jobs.ais.ais_result import AIS_TABLE, AisResult, ais_keys
from jobs.ais.terms import HeadName
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import LIS, result_partition
from jobs.gate.decide import GateDecision
from jobs.lake import Lake, Partition
from jobs.lake.addresses import Keys
from jobs.lake.manifest import digest_of

FOLDER = "_spool"
"""The folder of the lake, beside those of the tables."""


class EntryKind(StrEnum):
    """What an entry is about, in the order in which entries are logged.

    A report sums up what is there, so it is the last.
    """

    SCORES = "scores"
    AIS = "ais"
    GATE = "gate"
    REPORT = "report"


@dataclass(frozen=True)
class ResultAddress:
    """Where a result lies in the lake.

    Attributes:
        ds: Day of the partition, as in ISO 8601.
        digest: Of the content when it was spooled, so that other content has an entry of its own.
    """

    table: str
    ds: str
    keys: Keys
    digest: str

    @classmethod
    def of(cls, lake: Lake, result: LisResult) -> ResultAddress:
        """Return the address of a result that is stored.

        Raises:
            InputError: If it is not.
        """
        days = DayRange.parse(result.as_of)
        is_ais = isinstance(result, AisResult)
        partition = result_partition(
            result.scenario,
            result.ranker_version,
            days.first,
            days.last,
            result.preference,
            result.mode,
            result.horizon,
            AIS_TABLE if is_ais else LIS,
            ais_keys(result.encoder, result.aligned_day, HeadName(result.head)) if is_ais else (),
        )
        digest = lake.require(partition, "score it again").digest
        return cls(partition.table, partition.ds.isoformat(), partition.keys, digest)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ResultAddress:
        """Return the address of which ``asdict`` gave these values, through JSON."""
        keys = tuple((key, value) for key, value in content["keys"])
        return cls(content["table"], content["ds"], keys, content["digest"])

    def partition(self, scenario: str) -> Partition:
        """Return the partition of a scenario."""
        return Partition(self.table, scenario, date.fromisoformat(self.ds), self.keys)


@dataclass(frozen=True)
class Entry:
    """What one call logs.

    Attributes:
        results: Those that become runs.
        single_days: Further results that become points of the curves over days.
        page: The report.
        decision: The decision of the gate.
    """

    kind: EntryKind
    results: tuple[ResultAddress, ...] = ()
    single_days: tuple[ResultAddress, ...] = ()
    page: str | None = None
    decision: GateDecision | None = None

    @property
    def name(self) -> str:
        """Name of the file: equal entries are one."""
        return f"{self.kind}-{digest_of(self.to_dict())[:32]}.json"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind.value,
            "results": [asdict(one) for one in self.results],
            "single_days": [asdict(one) for one in self.single_days],
            "page": self.page,
            "decision": None if self.decision is None else self.decision.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Entry:
        """Return the entry that ``to_dict`` described."""
        decision = content["decision"]
        return cls(
            kind=EntryKind(content["kind"]),
            results=tuple(ResultAddress.from_dict(one) for one in content["results"]),
            single_days=tuple(ResultAddress.from_dict(one) for one in content["single_days"]),
            page=content["page"],
            decision=None if decision is None else GateDecision.from_dict(decision),
        )


class Spool:
    """The entries of a scenario."""

    def __init__(self, lake: Lake, scenario: str) -> None:
        self._storage = lake.storage
        self._folder = f"{FOLDER}/scenario={scenario}"

    def add(self, entry: Entry) -> None:
        """Write an entry; nothing changes if it is there."""
        text = json.dumps(entry.to_dict(), indent=1, sort_keys=True) + "\n"
        self._storage.replace(f"{self._folder}/{entry.name}", text.encode())

    def entries(self) -> list[Entry]:
        """Return all entries, in the order in which they are logged.

        Raises:
            InputError: If one cannot be read.
        """
        found = [self._read(name) for name in self._names()]
        return sorted(
            (entry for entry in found if entry is not None),
            key=lambda entry: (list(EntryKind).index(entry.kind), entry.name),
        )

    def remove(self, entry: Entry) -> None:
        """Remove an entry; nothing happens if another process has done so."""
        try:
            self._storage.remove(f"{self._folder}/{entry.name}")
        except FileNotFoundError:
            return

    def shown(self, entry: Entry) -> str:
        """Return the path of an entry, for messages."""
        return self._storage.shown(f"{self._folder}/{entry.name}")

    def _names(self) -> Iterable[str]:
        # One that begins with a dot was being written when its process was killed.
        return (name for name in self._storage.files(self._folder) if not name.startswith("."))

    def _read(self, name: str) -> Entry | None:
        path = f"{self._folder}/{name}"
        text = self._storage.read(path)
        if text is None:
            return None
        try:
            return Entry.from_dict(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._storage.shown(path)} is damaged: remove it, and run the day again to log "
                "what it named"
            ) from error
