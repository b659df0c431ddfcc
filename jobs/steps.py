"""The steps of a run, in the order in which the DAG takes them. Each can be run by hand too.

Heavy libraries are imported by the step that needs them, so that a step without Spark or torch
starts at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from jobs.datasets.location import days_between, raw_location
from jobs.errors import InputError, NotDue
from jobs.lake import Lake, Partition
from jobs.lake.lake import data_folder
from jobs.lis.result import LisResult
from jobs.preference import PreferenceKind, preference_kind
from jobs.scenarios import Scenario, SimulatedSource

if TYPE_CHECKING:
    from jobs.tracking.log import LoggedRun

log = logging.getLogger("jobs")


def simulate(
    scenario: Scenario,
    out: str | None,
    first: date | None,
    days: int,
    rows_per_day: int | None = None,
    seed: int | None = None,
) -> None:
    """Write days of the simulated feed; days that are there already stay as they are."""
    from pydantic import ValidationError

    from jobs.datasets.simulator import SimulatorOptions
    from jobs.datasets.simulator import simulate as write_days

    if not isinstance(scenario.source, SimulatedSource):
        raise InputError(
            f"scenario {scenario.name} reads a log, it is not simulated: use a scenario whose "
            "source.reader is simulated, such as simulated_feed"
        )
    asked = {"rows_per_day": rows_per_day, "seed": seed}
    options = {
        "start": scenario.schedule.start,
        **scenario.source.options,
        **{key: value for key, value in asked.items() if value is not None},
    }
    try:
        checked = SimulatorOptions.model_validate(options)
    except ValidationError as error:
        first_error = error.errors()[0]
        where = ".".join(map(str, first_error["loc"]))
        raise InputError(f"simulator option {where}: {first_error['msg']}") from error
    folder = out or raw_location(scenario)
    # The delay keeps the bar away from the one line that refuses bad options.
    with tqdm(total=days, desc=f"simulate {scenario.name}", unit="day", delay=0.1) as bar:

        def advance(_day: date, _rows: int) -> None:
            bar.update()

        write_days(checked, folder, days, first, advance)
    log.info("%s: %d days at %s", scenario.name, days, folder)


def ingest(
    lake: Lake, scenario: Scenario, raw: str | None, first: date | None, last: date | None
) -> None:
    """Raw log to impressions, items and quarantine."""
    from jobs.spark.ingest import ingest as run

    _check_order(first, last)
    done = run(lake, scenario, raw_location(scenario, raw), first, last)
    rows, bad = sum(day.rows for day in done), sum(day.quarantined for day in done)
    log.info(
        "%s: %s impressions on %d days (%s to %s), %s rows quarantined",
        scenario.name,
        f"{rows:,}",
        len(done),
        done[0].day,
        done[-1].day,
        f"{bad:,}",
    )


def history(lake: Lake, scenario: Scenario, last: date | None) -> None:
    """Click histories of every ingested day that has none, or whose past has changed."""
    from jobs.spark.history import build_history

    done = build_history(lake, scenario, last or _last_ingested(lake, scenario))
    log.info("%s: histories of %d days", scenario.name, len(done))


def train(lake: Lake, scenario: Scenario, until: date | None, *, restart: bool = False) -> None:
    """Extend the lineage through a day."""
    from jobs.ranker.lineage import extend_lineage

    done = extend_lineage(lake, scenario, until or _last_ingested(lake, scenario), restart=restart)
    newest = lake.days("checkpoints", scenario.name)[-1]
    log.info("%s: trained %d days; the newest ranker is of %s", scenario.name, len(done), newest)


def snapshot(lake: Lake, scenario: Scenario, until: date | None) -> None:
    """Item tables of every checkpoint that has none."""
    from jobs.spark.snapshot import build_snapshots

    done = build_snapshots(lake, scenario, until or _last_ingested(lake, scenario))
    log.info("%s: snapshots of %d days", scenario.name, len(done))


def assemble(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    preferences: Sequence[str],
) -> None:
    """Feature tables at T and T+n of every kind."""
    kinds = [preference_kind(name) for name in preferences]
    require_due(lake, scenario, as_ofs, horizons)
    for kind in kinds:
        done = kind.assemble(lake, scenario, as_ofs, horizons)
        log.info("%s: %d feature tables of %s", scenario.name, len(done), kind.name)


def score(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    preferences: Sequence[str],
    mode: str,
) -> list[LisResult]:
    """Leakage Impact Scores of every kind at every horizon."""
    from jobs.lis.swap import score_swap

    kinds = kinds_in_mode(preferences, mode)
    require_due(lake, scenario, as_ofs, horizons)
    return [
        result
        for kind in kinds
        for result in score_swap(lake, scenario, kind, as_ofs, sorted(horizons))
    ]


def asked_results(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int] | None,
    preferences: Sequence[str] | None,
) -> list[LisResult]:
    """Stored results of the days, single and pooled over exactly these.

    Raises:
        InputError: there are none.
    """
    from jobs.lis.store import read_results

    first, last = as_ofs[0], as_ofs[-1]
    pooled = f"{first}:{last}"
    found = [
        result
        for result in read_results(lake, scenario.name, first, last)
        if (not result.is_pooled or result.as_of == pooled)
        and (horizons is None or result.horizon in horizons)
        and (preferences is None or result.preference in preferences)
    ]
    if not found:
        raise InputError(
            f"no LIS of scenario {scenario.name} is stored for {pooled}: run python -m jobs lis "
            f"--scenario {scenario.name} --as-of {pooled if first != last else first}"
        )
    return found


def report(lake: Lake, scenario: Scenario, results: Sequence[LisResult]) -> Path:
    """One self-contained HTML page from stored results; returns where it is."""
    from jobs.lis.report import build_report
    from jobs.lis.store import read_results

    last = max(result.last_day for result in results)
    earlier = [r for r in read_results(lake, scenario.name, None, last) if not r.is_pooled]
    page = build_report(scenario, results, earlier)
    name = next((r.as_of for r in results if r.is_pooled), last.isoformat()).replace(":", "_")
    path = data_folder() / "reports" / scenario.name / f"{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def log_runs(
    lake: Lake, scenario: Scenario, results: Sequence[LisResult], page: Path
) -> list[LoggedRun]:
    """Results to MLflow: those pooled over a range of days, else those of the single days.

    The days of a range stay in the lake; two months of them would bury the one run to review.
    """
    from jobs.tracking.log import log_results

    reviewed = [result for result in results if result.is_pooled] or list(results)
    return log_results(lake, scenario, reviewed, page.read_text(encoding="utf-8"))


def require_due(
    lake: Lake, scenario: Scenario, as_ofs: Sequence[date], horizons: Sequence[int]
) -> None:
    """Check that the lineage reaches T, and T+n for every horizon.

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
    for name in ("checkpoints", "snapshots"):
        reached = lake.days(name, scenario.name)
        for as_of in (as_ofs[0], as_ofs[-1]):
            for leak in sorted({0, *horizons}):
                day = as_of + timedelta(days=leak)
                if not reached or day > reached[-1]:
                    awaited = day - timedelta(days=1)
                    until = (
                        f"the lineage of {scenario.name} reaches {reached[-1]}"
                        if reached
                        else (f"scenario {scenario.name} has no lineage yet")
                    )
                    raise NotDue(
                        f"as of {as_of}, horizon {leak} needs the ranker of {day}, but {until}: "
                        f"run python -m jobs train --scenario {scenario.name} --until {awaited} "
                        "once that day's log is ingested, or ask for an earlier day",
                        awaited.isoformat(),
                    )
        if as_ofs[0] <= reached[0]:
            raise InputError(
                f"as of {as_ofs[0]}: the lineage of {scenario.name} starts on {reached[0]} and "
                "knows nothing on that day; ask for a later one"
            )
    for as_of in as_ofs:
        if not lake.is_published(Partition("impressions", scenario.name, as_of)):
            raise InputError(
                f"scenario {scenario.name} has no impressions on {as_of}: run python -m jobs "
                f"ingest --scenario {scenario.name} --start {as_of} --end {as_of}"
            )


def kinds_in_mode(preferences: Sequence[str], mode: str) -> list[PreferenceKind]:
    """The kinds of these names.

    Raises:
        InputError: there is no such kind, or it cannot be scored in the mode.
    """
    kinds = [preference_kind(name) for name in preferences]
    for kind in kinds:
        if mode not in kind.modes:
            raise InputError(
                f"preference data {kind.name} cannot be scored in mode {mode!r}: "
                f"it takes {', '.join(kind.modes)}"
            )
    return kinds


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
    _check_order(first, last)
    return days_between(first, last)


def _check_order(first: date | None, last: date | None) -> None:
    if first is not None and last is not None and last < first:
        raise InputError(f"the range {first} to {last} ends before it begins: swap the dates")


def _last_ingested(lake: Lake, scenario: Scenario) -> date:
    days = lake.days("impressions", scenario.name)
    if not days:
        raise InputError(
            f"scenario {scenario.name} has no impressions: run python -m jobs ingest "
            f"--scenario {scenario.name} --raw PATH"
        )
    return days[-1]
