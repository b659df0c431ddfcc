"""What the lake has of a scenario, as plain text: one line for all days in a row that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from jobs.ais.terms import AisMode, HeadName
from jobs.evaluation.result import Subject
from jobs.freshness.lake_status import DayStatus, LakeStatus, State
from jobs.freshness.stale_improvements import StaleImprovement
from jobs.freshness.stale_results import StaleResult
from jobs.lake.addresses import ranker_version
from jobs.reporting.text_columns import in_columns
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command, lis_command

_HEADER = ("days", "log", "history", "statistics", "ranker", "item table", "scores", "AIS")
_MOST_LINES = 8
"""Reasons and commands that are written out; of more, the rest is counted."""


def status_text(scenario: Scenario, raw: str, status: LakeStatus) -> str:
    """Return the table of days, why some are late or stale, and the commands that mend it.

    Args:
        scenario: The scenario.
        raw: Where its log was listed.
        status: What was found.
    """
    if not status.days:
        return f"{scenario.name}: nothing is ingested, and no day lies at {raw}"
    days = status.days
    head = (
        f"{scenario.name}: {days[0].day} to {days[-1].day}, ranker {ranker_version(scenario)}, "
        f"log at {raw}"
    )
    table = in_columns(_HEADER, [_cells(group) for group in _alike(days)], _HEADER)
    reasons = _reasons(status)
    commands = commands_to_mend(scenario, status)
    parts = [head, table]
    if reasons:
        parts.append("\n".join(_shortened(reasons)))
    if commands:
        parts.append("\n".join(["To bring all up to date, run", *_shortened(commands, "  ")]))
    else:
        parts.append("All is up to date.")
    return "\n\n".join(parts)


def stale_warnings(about: Subject, stale: Sequence[StaleResult]) -> list[str]:
    """Return what a reader of a report must know of its stale results; nothing if none is.

    Args:
        about: The scenario of the results; what was compared is never stale.
        stale: The stale results.
    """
    if not stale or not isinstance(about, Scenario):
        return []
    count = "One result is" if len(stale) == 1 else f"{len(stale)} results are"
    commands = "; ".join(_shortened(_commands(about, stale)))
    status = lis_command("status", about)
    return [
        f"{count} stale: data has changed since, for one thing {stale[0].why}. To compute them "
        f"anew: {commands}. {status} says what else is stale."
    ]


def commands_to_mend(scenario: Scenario, status: LakeStatus) -> list[str]:
    """The commands that make all current, in their order; none if all is."""
    commands = []
    new = [one.day for one in status.days if one.log == State.NEW]
    if status.needs_ingest:
        commands.append(f"{lis_command('ingest', scenario)} --late")
    if new:
        commands.append(ingest_command(scenario, start=new[0], end=new[-1]))
    if commands or status.needs_training:
        commands.append(lis_command("train", scenario))
    return commands + _commands(scenario, [*status.stale_results, *status.stale_improvements])


def _commands(scenario: Scenario, stale: Sequence[StaleResult]) -> list[str]:
    """The commands that compute results anew: scores first, then what alignment brings."""
    improvements = [one for one in stale if isinstance(one, StaleImprovement)]
    scores = [one for one in stale if not isinstance(one, StaleImprovement)]
    return [*_score_commands(scenario, scores), *_ais_commands(scenario, improvements)]


def _ais_commands(scenario: Scenario, stale: Sequence[StaleImprovement]) -> list[str]:
    of_encoder: dict[tuple[str, str], list[StaleImprovement]] = {}
    for one in stale:
        of_encoder.setdefault((one.aligned_at, one.head), []).append(one)
    return [
        lis_command(
            "ais",
            scenario,
            as_of=as_of,
            aligned_at=aligned_at,
            horizons=None if mode == AisMode.LINEAGE else horizons,
            preference=preferences,
            mode=mode,
            head=None if head == HeadName.RAW else head,
        )
        for (aligned_at, head), of_one in sorted(of_encoder.items())
        for as_of, mode, horizons, preferences in _requests(of_one)
    ]


def _score_commands(scenario: Scenario, stale: Sequence[StaleResult]) -> list[str]:
    return [
        lis_command(
            "lis", scenario, as_of=as_of, horizons=horizons, preference=preferences, mode=mode
        )
        for as_of, mode, horizons, preferences in _requests(stale)
    ]


def _requests(stale: Sequence[StaleResult]) -> list[tuple[str, str, str, str]]:
    """Days, mode, horizons and preferences of as few requests as ask for no other result."""
    horizons: dict[tuple[str, str, str], list[int]] = {}
    for one in stale:
        horizons.setdefault((one.as_of, one.mode, one.preference), []).append(one.horizon)
    preferences: dict[tuple[str, str, str], list[str]] = {}
    for (as_of, mode, preference), found in horizons.items():
        key = (as_of, mode, ",".join(map(str, sorted(set(found)))))
        preferences.setdefault(key, []).append(preference)
    return sorted((*key, ",".join(sorted(found))) for key, found in preferences.items())


def _alike(days: Sequence[DayStatus]) -> list[tuple[DayStatus, date]]:
    """The first of consecutive days that are alike, and the last of them."""
    groups: list[tuple[DayStatus, date]] = []
    for one in days:
        if groups and groups[-1][0].is_alike(one):
            groups[-1] = (groups[-1][0], one.day)
        else:
            groups.append((one, one.day))
    return groups


def _cells(group: tuple[DayStatus, date]) -> list[str]:
    one, last = group
    days = f"{one.day}" if one.day == last else f"{one.day} to {last}"
    tables = [one.log, one.history, one.statistics, one.ranker, one.item_table]
    scores = _count(one.scores, one.stale_scores)
    return [days, *tables, scores, _count(one.improvements, one.stale_improvements)]


def _count(results: int, stale: int) -> str:
    return f"{stale} of {results} stale" if stale else str(results or State.NONE)


def _reasons(status: LakeStatus) -> list[str]:
    newest = max((one.day for one in status.days if one.log != State.NEW), default=date.min)
    # The next run is for the day after the newest one.
    window = newest - timedelta(days=status.window - 1)
    reasons = [
        f"{one.day} is late: {one.why}; "
        + (
            "the next run reads it again"
            if one.day >= window
            else f"no run reads it again, as schedule.late_days is {status.window}"
        )
        for one in status.late
    ]
    if (ranker := status.stale_ranker) is not None:
        reasons.append(f"the rankers from {ranker.day} on are stale: {ranker.why}")
    by_reason: dict[str, list[StaleResult]] = {}
    for one in (*status.stale_results, *status.stale_improvements):
        by_reason.setdefault(one.why, []).append(one)
    return reasons + [_stale_for(why, stale) for why, stale in by_reason.items()]


def _stale_for(why: str, stale: Sequence[StaleResult]) -> str:
    if len(stale) == 1:
        one = stale[0]
        name = "AIS of " if isinstance(one, StaleImprovement) else ""
        leak = "" if one.mode == AisMode.LINEAGE else f", n = {one.horizon}"
        return f"{name}{one.as_of}, {one.preference}, {one.mode}{leak} is stale: {why}"
    days = sorted(day for one in stale for day in one.as_of.split(":"))
    span = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{len(stale)} results of {span} are stale: {why}"


def _shortened(lines: Sequence[str], indent: str = "") -> list[str]:
    shown = [f"{indent}{line}" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"{indent}… and {len(lines) - _MOST_LINES} more: see --json")
    return shown
