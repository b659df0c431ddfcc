"""A request for scores, resolved: its days, horizons, kinds of preference data and modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from jobs.ais.terms import AisMode
from jobs.common.day_range import DayRange, day_count
from jobs.common.errors import InputError, NotDue
from jobs.preference import PreferenceKind, preference_kind
from jobs.scenarios import Mode, Scenario
from jobs.scenarios.hints import ingest_command, lis_command

if TYPE_CHECKING:
    from jobs.lake import Lake


@dataclass(frozen=True)
class DueScores:
    """Horizons that are due on the same evaluation days.

    Args:
        days: Evaluation days.
        horizons: Days of leak.
    """

    days: DayRange
    horizons: tuple[int, ...]


@dataclass(frozen=True)
class KindInMode:
    """A kind of preference data, and a mode to score it in."""

    kind: PreferenceKind
    mode: Mode


@dataclass(frozen=True)
class ScoreRequest:
    """Scores of a scenario, ready to be assembled, computed or read back.

    Args:
        scenario: With the embedding slot that ``id_embedding`` leaks already chosen.
        due: Evaluation days and horizons.
        kinds: Kinds of preference data, each in a mode that it allows.
    """

    scenario: Scenario
    due: DueScores
    kinds: tuple[KindInMode, ...]

    @property
    def days(self) -> DayRange:
        """The evaluation days."""
        return self.due.days

    @property
    def horizons(self) -> tuple[int, ...]:
        """Days of leak."""
        return self.due.horizons

    def kinds_in(self, mode: Mode) -> list[PreferenceKind]:
        """The kinds to score in a mode."""
        return [one.kind for one in self.kinds if one.mode == mode]


def parse_due(text: str) -> tuple[DueScores, ...]:
    """Read ``n@T`` or ``n@T1:T2``, several with commas between; equal days are put together.

    Raises:
        InputError: If a part is malformed.
    """
    horizons: dict[str, list[int]] = {}
    for part in filter(None, text.split(",")):
        horizon, _, days = part.strip().partition("@")
        if not horizon.isdecimal():
            raise InputError(
                f"{part!r} is not a horizon at a date: write 7@2026-01-24 or "
                "7@2026-01-20:2026-01-24"
            )
        horizons.setdefault(days, []).append(day_count(horizon))
    return tuple(
        DueScores(DayRange.parse(days), tuple(dict.fromkeys(leaks)))
        for days, leaks in horizons.items()
    )


def parse_mode(name: str) -> Mode:
    """The mode of a name.

    Raises:
        InputError: If there is none of that name.
    """
    try:
        return Mode(name)
    except ValueError as error:
        if name == AisMode.LINEAGE:
            raise InputError(
                "mode lineage leaks nothing: it scores the vectors of aligned encoders, by lis ais "
                "--mode lineage"
            ) from error
        raise InputError(f"unknown mode {name!r}: available: {', '.join(Mode)}") from error


def requested_kinds(
    scenario: Scenario, preferences: Sequence[str], modes: Sequence[Mode]
) -> tuple[KindInMode, ...]:
    """Each kind of preference data in each of the modes that it can be scored in.

    Args:
        scenario: May define custom kinds.
        preferences: Names of kinds; repeated names count once.
        modes: The modes to choose from.

    Raises:
        InputError: If a kind does not exist, or cannot be scored in any of the modes.
    """
    found: list[KindInMode] = []
    for name in dict.fromkeys(preferences):
        kind = preference_kind(name, scenario)
        # Imported vectors are of another embedding space, so there is no ranker to keep frozen.
        has_ranker = scenario.snapshots is None
        allowed = [mode for mode in kind.modes if mode == Mode.RETRAIN or has_ranker]
        chosen = [mode for mode in allowed if mode in modes]
        if not chosen:
            raise InputError(
                f"preference data {name} cannot be scored in mode {' or '.join(modes)}: "
                f"it takes {', '.join(allowed) or 'none in this scenario'}"
            )
        found += [KindInMode(kind, Mode(mode)) for mode in chosen]
    return tuple(found)


def require_due(lake: Lake, scenario: Scenario, due: DueScores) -> None:
    """Check that there is a ranker of T, and an item table of T and of T+n for every horizon.

    Raises:
        NotDue: If there is not; the message names the day of data that is awaited.
        InputError: If the days lie before the lineage, or have no impressions.
    """
    from jobs.lake import Partition
    from jobs.lake.addresses import checkpoint_days, snapshot_keys

    first, last, horizons = due.days.first, due.days.last, due.horizons
    if min(horizons) < 0:
        raise InputError(f"horizon {min(horizons)}: days of leak are 0 or more")
    try:
        _ = first - timedelta(days=1), last + timedelta(days=max(horizons))
    except OverflowError as error:
        raise InputError(
            f"as of {last}, horizon {max(horizons)} reaches outside the calendar: "
            "ask for fewer days of leak"
        ) from error
    imported = scenario.snapshots is not None
    tables = lake.days("snapshots", scenario.name, snapshot_keys(scenario))
    rankers = tables if imported else checkpoint_days(lake, scenario)
    for as_of in (first, last):
        for leak in sorted({0, *horizons}):
            day = as_of + timedelta(days=leak)
            if not _reaches(rankers, day) or not _reaches(tables, day):
                # Each ranker is published before its item table.
                has_ranker = not imported and _reaches(rankers, day)
                until = _until(scenario, tables if has_ranker else rankers, has_ranker=has_ranker)
                raise _not_due(scenario, as_of, leak, until, names_horizon=leak in horizons)
    if first <= rankers[0] and not imported:
        raise InputError(
            f"as of {first}: the lineage of {scenario.name} starts on {rankers[0]}, and its first "
            "ranker is untrained; ask for a later day"
        )
    for as_of in due.days:
        if not lake.is_published(Partition("impressions", scenario.name, as_of)):
            raise InputError(
                f"scenario {scenario.name} has no impressions on {as_of}: run "
                f"{ingest_command(scenario, start=as_of, end=as_of)}"
            )


def require_current(lake: Lake, scenario: Scenario, due: DueScores) -> None:
    """Check that the rankers of T and of T+n were trained on the log as it is now.

    Raises:
        InputError: If they were not; the message names the command that trains them again.
    """
    from jobs.ranker.training.current_rankers import first_stale_ranker

    stale = first_stale_ranker(lake, scenario)
    if stale is not None and stale.day <= due.days.last + timedelta(days=max(due.horizons)):
        raise InputError(
            f"the ranker of {stale.day} of {scenario.name} is stale, and so are all after it: "
            f"{stale.why}: run {mending_commands(scenario, needs_ingest=stale.needs_ingest)}"
        )


def mending_commands(scenario: Scenario, *, needs_ingest: bool) -> str:
    """The commands that make stale tables and rankers anew."""
    train = lis_command("train", scenario)
    if not needs_ingest:
        return train
    return f"{lis_command('ingest', scenario)} --late && {train}"


def _reaches(days: Sequence[date], day: date) -> bool:
    return bool(days) and day <= days[-1]


def _until(scenario: Scenario, days: Sequence[date], *, has_ranker: bool) -> str:
    """How far the days reach that are not far enough."""
    if scenario.snapshots is not None:
        return f"reach {days[-1]}" if days else "are not imported yet"
    if has_ranker:
        reach = f"reach {days[-1]}" if days else "are not published yet"
        return f"the item tables of {scenario.name} {reach}"
    if not days:
        return f"scenario {scenario.name} has no lineage yet"
    return f"the lineage of {scenario.name} reaches {days[-1]}"


def _not_due(
    scenario: Scenario, as_of: date, leak: int, until: str, *, names_horizon: bool
) -> NotDue:
    day = as_of + timedelta(days=leak)
    awaited = day - timedelta(days=1)
    # The baseline needs day T itself, whatever the horizons of the request.
    asked = f"as of {as_of}, horizon {leak}" if names_horizon else f"as of {as_of}: the baseline"
    if scenario.snapshots is not None:
        return NotDue(
            f"{asked} needs the item vectors of {day}, but those of "
            f"{scenario.snapshots.path} {until}: export that day and run "
            f"{lis_command('train', scenario)}, or ask for an earlier day",
            awaited.isoformat(),
        )
    return NotDue(
        f"{asked} needs the ranker of {day}, but {until}: "
        f"run {lis_command('train', scenario, until=awaited)} "
        "once that day's log is ingested, or ask for an earlier day",
        awaited.isoformat(),
    )
