"""What a kind of preference data must say of itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol

from jobs.lake import Lake, Partition
from jobs.scenarios import Scenario

Mode = Literal["swap"]


class PreferenceKind(Protocol):
    """One kind of preference data.

    name: as users write it. keyed_by: what a row of its table describes. modes: how a ranker can
    take it. summary: one line for ``python -m jobs preference list``.
    """

    @property
    def name(self) -> str: ...

    @property
    def keyed_by(self) -> Literal["item", "impression"]: ...

    @property
    def modes(self) -> tuple[Mode, ...]: ...

    @property
    def summary(self) -> str: ...

    def assemble(
        self, lake: Lake, scenario: Scenario, as_ofs: Sequence[date], horizons: Sequence[int]
    ) -> list[Partition]:
        """Publish its tables as known at T and at every T+n; returns the partitions made."""
        ...

    def table(self, scenario: Scenario, as_of: date, horizon: int) -> Partition:
        """Where the table known ``horizon`` days after ``as_of`` lies."""
        ...
