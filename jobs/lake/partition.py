"""The address of one partition: table, scenario, day, and further keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


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

    def __str__(self) -> str:
        return self.path
