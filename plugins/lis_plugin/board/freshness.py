"""How fresh a scenario is: its newest days, and what its last run found late or stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun

from jobs.board.kept_status import KeptStatus
from jobs.lake import Lake, Partition

TABLES = {
    "log": "log",
    "history": "click history",
    "statistics": "statistics",
    "ranker": "ranker",
    "item_table": "item table",
}
"""Tables of a day in the kept status, and what the page calls them."""
_SIGNS = {"stale": "!", "late": "L", "new": "n", "missing": "\N{MULTIPLICATION SIGN}", "-": ""}
_PRESENT = "\N{BLACK SQUARE}"
_MOST_REASONS = 8
_EXPECTED_AGE = 2
"""Days after which the newest day of a scenario with a schedule is old: a run brings in yesterday.
"""


@dataclass(frozen=True)
class DayCell:
    """A table on a day: what the last run found."""

    day: str
    state: str

    @property
    def sign(self) -> str:
        """What stands for it in the picture."""
        return _SIGNS.get(self.state, _PRESENT)


@dataclass(frozen=True)
class Strip:
    """A table, and its state on the newest days."""

    name: str
    cells: Sequence[DayCell]


@dataclass(frozen=True)
class Scored:
    """The scores of a day in the kept status."""

    day: str
    scores: int
    stale: int


@dataclass(frozen=True)
class Freshness:
    """How fresh a scenario is.

    Attributes:
        ingested: Newest day in the lake; None if it is empty.
        age: Days since then.
        is_old: Whether that is more than the schedule explains.
        run: The newest run of the daily DAG.
        next_run: When the next one is due; None without a schedule, or while it is paused.
        checked: When the last run looked for what is late or stale; None if none has.
        reasons: What is late or stale, a line each.
        commands: What brings all up to date.
        strips: Tables by day.
        scored: Scores by day.
    """

    ingested: date | None
    age: int | None
    is_old: bool
    run: DagRun | None
    next_run: datetime | None
    checked: datetime | None
    reasons: Sequence[str]
    commands: Sequence[str]
    strips: Sequence[Strip]
    scored: Sequence[Scored]

    @property
    def late(self) -> int:
        """Days that are late."""
        return sum(cell.state == "late" for strip in self.strips for cell in strip.cells)

    @property
    def stale_scores(self) -> int:
        """Scores that are stale."""
        return sum(one.stale for one in self.scored)


def freshness(
    lake: Lake, scenario: str, dag: DagModel, run: DagRun | None, status: KeptStatus | None
) -> Freshness:
    """Find out how fresh a scenario is, from a listing and from what is kept.

    Args:
        lake: The lake.
        scenario: Name of the scenario.
        dag: Its daily DAG.
        run: The newest run of that.
        status: What the last run found.
    """
    ingested = _newest(lake, scenario)
    age = None if ingested is None else (datetime.now(UTC).date() - ingested).days
    next_run = None if dag.is_paused else dag.next_dagrun_create_after
    content: Mapping[str, Any] = {} if status is None else status.content
    days = content.get("days", [])
    return Freshness(
        ingested=ingested,
        age=age,
        is_old=next_run is not None and age is not None and age > _EXPECTED_AGE,
        run=run,
        next_run=next_run,
        checked=None if status is None else status.checked,
        reasons=_reasons(content),
        commands=() if status is None else status.commands,
        strips=[
            Strip(name, [DayCell(day["day"], str(day[table])) for day in days])
            for table, name in TABLES.items()
        ]
        if days
        else [],
        scored=[Scored(day["day"], day["scores"], day["stale_scores"]) for day in days],
    )


def stale_scores(status: KeptStatus | None) -> Mapping[tuple[str, str, str, int], str]:
    """Return why scores are stale, by day, kind, mode and horizon."""
    found = () if status is None else status.content["stale_results"]
    return {
        (one["as_of"], one["preference"], one["mode"], one["horizon"]): one["why"] for one in found
    }


def _newest(lake: Lake, scenario: str) -> date | None:
    days = reversed(lake.days_with_any("impressions", scenario))
    published = (day for day in days if lake.is_published(Partition("impressions", scenario, day)))
    return next(published, None)


def _reasons(content: Mapping[str, Any]) -> list[str]:
    found = [f"{one['day']} is late: {one['why']}" for one in content.get("late", ())]
    if ranker := content.get("stale_ranker"):
        found.append(f"rankers from {ranker['day']} on are stale: {ranker['why']}")
    counts: dict[str, int] = {}
    for one in (*content.get("stale_results", ()), *content.get("stale_improvements", ())):
        counts[one["why"]] = counts.get(one["why"], 0) + 1
    found += [
        f"{number} {'score is' if number == 1 else 'scores are'} stale: {why}"
        for why, number in counts.items()
    ]
    if len(found) > _MOST_REASONS:
        found = [*found[:_MOST_REASONS], f"and {len(found) - _MOST_REASONS} more: see lis status"]
    return found
