"""What is asked for, and whether it can be had: days, kinds, modes, and the data they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.common.errors import InputError, NotDue
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_days, snapshot_keys
from jobs.preference import PreferenceKind, preference_kind
from jobs.scenarios import Mode, Scenario
from jobs.sources.log_location import days_between


def parse_days(text: str) -> list[date]:
    """``T`` or ``T1:T2`` to the list of days.

    Raises:
        InputError: not dates, or the range ends before it begins.
    """
    parts = text.split(":")
    try:
        first, last = date.fromisoformat(parts[0]), date.fromisoformat(parts[-1])
    except ValueError as error:
        raise InputError(
            f"{text!r} is no date: write YYYY-MM-DD or YYYY-MM-DD:YYYY-MM-DD"
        ) from error
    if len(parts) > 2:
        raise InputError(f"{text!r} has too many parts: write YYYY-MM-DD:YYYY-MM-DD")
    check_order(first, last)
    return days_between(first, last)


@dataclass(frozen=True)
class AskedDays:
    """Evaluation days, first to last, and the days of leak to score on them."""

    days: tuple[date, ...]
    horizons: tuple[int, ...]


def parse_due(text: str) -> list[AskedDays]:
    """``n@T`` or ``n@T1:T2``, several with commas between; those of the same days are put together.

    Raises:
        InputError: a part is written otherwise.
    """
    horizons: dict[str, list[int]] = {}
    for part in filter(None, text.split(",")):
        horizon, _, as_of = part.strip().partition("@")
        if not horizon.isdecimal():
            raise InputError(
                f"{part!r} is no horizon at a date: write 7@2026-01-24 or 7@2026-01-20:2026-01-24"
            )
        horizons.setdefault(as_of, []).append(int(horizon))
    return [
        AskedDays(tuple(parse_days(as_of)), tuple(dict.fromkeys(leaks)))
        for as_of, leaks in horizons.items()
    ]


def check_order(first: date | None, last: date | None) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        InputError: it does.
    """
    if first is not None and last is not None and last < first:
        raise InputError(f"the range {first} to {last} ends before it begins: swap the dates")


def require_due(
    lake: Lake, scenario: Scenario, as_ofs: Sequence[date], horizons: Sequence[int]
) -> None:
    """Check that there is M_T, and an item table of T and of T+n for every horizon.

    Raises:
        NotDue: it does not; the line names the day of data that is awaited.
    """
    if min(horizons) < 0:
        raise InputError(f"horizon {min(horizons)}: days of leak are 0 or more")
    try:
        _ = as_ofs[0] - timedelta(days=1), as_ofs[-1] + timedelta(days=max(horizons))
    except OverflowError as error:
        raise InputError(
            f"as of {as_ofs[-1]}, horizon {max(horizons)} reaches outside the calendar: "
            "ask for fewer days of leak"
        ) from error
    imported = scenario.snapshots is not None
    tables = lake.days("snapshots", scenario.name, snapshot_keys(scenario))
    rankers = tables if imported else checkpoint_days(lake, scenario)
    for as_of in (as_ofs[0], as_ofs[-1]):
        for leak in sorted({0, *horizons}):
            day = as_of + timedelta(days=leak)
            if not _reaches(rankers, day) or not _reaches(tables, day):
                raise _not_due(scenario, as_of, leak, rankers)
    if as_ofs[0] <= rankers[0] and not imported:
        raise InputError(
            f"as of {as_ofs[0]}: the lineage of {scenario.name} starts on {rankers[0]} and "
            "knows nothing on that day; ask for a later one"
        )
    for as_of in as_ofs:
        if not lake.is_published(Partition("impressions", scenario.name, as_of)):
            raise InputError(
                f"scenario {scenario.name} has no impressions on {as_of}: run python -m jobs "
                f"ingest --scenario {scenario.name} --start {as_of} --end {as_of}"
            )


def _reaches(days: Sequence[date], day: date) -> bool:
    return bool(days) and day <= days[-1]


def _not_due(scenario: Scenario, as_of: date, leak: int, reached: Sequence[date]) -> NotDue:
    day = as_of + timedelta(days=leak)
    awaited = day - timedelta(days=1)
    if scenario.snapshots is not None:
        until = f"reach {reached[-1]}" if reached else "are not imported yet"
        return NotDue(
            f"as of {as_of}, horizon {leak} needs the item vectors of {day}, but those of "
            f"{scenario.snapshots.path} {until}: export that day and run python -m jobs train "
            f"--scenario {scenario.name}, or ask for an earlier day",
            awaited.isoformat(),
        )
    until = (
        f"the lineage of {scenario.name} reaches {reached[-1]}"
        if reached
        else f"scenario {scenario.name} has no lineage yet"
    )
    return NotDue(
        f"as of {as_of}, horizon {leak} needs the ranker of {day}, but {until}: "
        f"run python -m jobs train --scenario {scenario.name} --until {awaited} "
        "once that day's log is ingested, or ask for an earlier day",
        awaited.isoformat(),
    )


@dataclass(frozen=True)
class Wanted:
    """A kind of preference data, to be scored in a mode."""

    kind: PreferenceKind
    mode: Mode


def wanted_scores(
    scenario: Scenario, preferences: Sequence[str], modes: Sequence[str]
) -> list[Wanted]:
    """The kinds of these names in each of the modes that they can be scored in.

    Raises:
        InputError: there is no such kind or mode, or a kind can be scored in none of the modes.
    """
    for mode in modes:
        if mode not in set(Mode):
            raise InputError(f"unknown mode {mode!r}: known: {', '.join(Mode)}")
    found = []
    for name in dict.fromkeys(preferences):
        kind = preference_kind(name, scenario)
        # Imported vectors are of another item space, and no ranker is at hand to stay frozen.
        here = scenario.snapshots is None
        possible = [mode for mode in kind.modes if mode == Mode.RETRAIN or here]
        asked = [mode for mode in possible if mode in modes]
        if not asked:
            raise InputError(
                f"preference data {name} cannot be scored in mode {' or '.join(modes)}: "
                f"it takes {', '.join(possible) or 'none in this scenario'}"
            )
        found += [Wanted(kind, mode) for mode in asked]
    return found
