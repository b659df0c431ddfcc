"""The form of a manual run: its fields, and what was filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from airflow.sdk import Param

from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError
from jobs.common.markdown import plain
from jobs.common.options import horizons, names
from jobs.preference import built_in_kinds
from jobs.scenarios import Mode, Scenario, SimulatedSource
from jobs.stages.request import parse_mode
from plugins.lis_plugin.run_day import first_feed

ParsedT = TypeVar("ParsedT")


@dataclass(frozen=True)
class RunForm:
    """The values of a form; None or empty where a field was left empty.

    Args:
        as_of: Evaluation days.
        since: First day of a new ranker's lineage.
        horizons: Days of leak.
        preferences: Names of kinds of preference data.
        modes: Modes to score them in.
        reingest: Days to ingest again.
    """

    as_of: DayRange | None = None
    since: date | None = None
    horizons: tuple[int, ...] = ()
    preferences: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
    reingest: DayRange | None = None

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> RunForm:
        """Read a run's params. Lists may have several values in a line, with commas between them.

        Raises:
            InputError: If a value cannot be read; the message begins with the name of its field.
        """
        return cls(
            as_of=read_field(params, "as_of", DayRange.parse),
            since=read_field(params, "since", parse_day),
            horizons=read_field(params, "horizons", horizons) or (),
            preferences=read_field(params, "preferences", names) or (),
            modes=read_field(params, "modes", _modes) or (),
            reingest=read_field(params, "reingest", DayRange.parse),
        )


def form(scenario: Scenario) -> dict[str, Param]:
    """The fields of a scenario's form. An empty form does what the schedule would do.

    No field has a pattern: Airflow would show it in place of an explanation. ``RunForm`` refuses
    what it cannot read.
    """
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            title="Evaluation date",
            description_md="`2026-01-31`, or `2026-01-25:2026-01-31` for several days and their "
            f"pooled result.\n\nEmpty: the newest day that each horizon allows{_newest(scenario)}.",
        ),
        "horizons": Param(
            list(scenario.horizons),
            # Without a type of its items, the page shows plain lines rather than JSON.
            type=["null", "array"],
            title="Days of leak",
            description_md="How far the leak reaches into the future: whole days, one a line or "
            "`7,30`. A date needs data of as many days after it; a horizon that reaches beyond the "
            f"log is skipped.\n\nEmpty: {', '.join(map(str, scenario.horizons))}.",
        ),
        "preferences": Param(
            list(scenario.preferences),
            type=["null", "array"],
            items={"type": "string"},
            examples=sorted({*(kind.name for kind in built_in_kinds()), *scenario.preferences}),
            title="Preference data",
            description_md="What is leaked into the ranker. `lis preference list` explains each."
            f"\n\nEmpty: {plain(', '.join(scenario.preferences))}.",
        ),
        "modes": Param(
            list(scenario.modes),
            type=["null", "array"],
            items={"type": "string"},
            examples=[mode.value for mode in Mode],
            title="Modes",
            description_md="- `swap`: the embedding table of T+n in the ranker of T; seconds\n"
            "- `probe`: small towers on the frozen ranker, with and without the leak; minutes\n"
            "- `retrain`: whole rankers, with and without the leak; the longest\n\n"
            "Each kind of preference data is scored in those that it allows.\n\n"
            f"Empty: {', '.join(scenario.modes)}.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            title="First day of a new ranker",
            description_md="Only after a change of the ranker, which gets a separate lineage "
            "beside the old one.\n\nEmpty: it starts on the first day of the log.",
        ),
        "reingest": Param(
            None,
            type=["null", "string"],
            title="Days to ingest again",
            description_md="`2026-01-05`, or `2026-01-05:2026-01-09`: days whose raw files were "
            "corrected or completed. All that was computed from them is computed again, and so are "
            "the newest scores that rest on them.\n\n"
            f"Empty: {_looked_at(scenario)}.",
        ),
    }


def _looked_at(scenario: Scenario) -> str:
    days = scenario.schedule.late_days
    if not days:
        return "none"
    before = "the day" if days == 1 else f"those of the {days} days"
    return f"{before} before the run's day whose raw files have changed since they were ingested"


def _newest(scenario: Scenario) -> str:
    if scenario.schedule.cron is not None:
        return ", with the data through yesterday"
    if not isinstance(scenario.source, SimulatedSource):
        return ", with the data through the end of the log"
    made = first_feed(scenario, scenario.horizons)
    return (
        ", with the data that is in the lake. If nothing is, the run makes the first "
        f"{len(made)} days of the feed, {made.first} to {made.last}"
    )


def _modes(text: str) -> tuple[Mode, ...]:
    return tuple(parse_mode(name) for name in names(text))


def read_field(
    params: Mapping[str, Any], name: str, parse: Callable[[str], ParsedT]
) -> ParsedT | None:
    """Read one field of a form; None if it was left empty.

    A list may have several values in a line, with commas between them.

    Raises:
        InputError: If it cannot be read; the message begins with the name of the field.
    """
    value = params.get(name)
    lines = value if isinstance(value, list) else [] if value is None else [value]
    text = ",".join(stripped for line in lines if (stripped := str(line).strip().strip(",")))
    if not text:
        return None
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
