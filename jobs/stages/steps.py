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

from jobs.common.errors import InputError
from jobs.common.paths import data_folder
from jobs.evaluation.fit_window import fit_days
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_query import asked
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, starting_ranker_days
from jobs.preference import preference_kind
from jobs.scenarios import AUTO, Mode, Scenario, SimulatedSource
from jobs.sources.log_location import raw_location
from jobs.stages.request import Wanted, check_order, require_due

if TYPE_CHECKING:
    from jobs.tracking.log_results import LoggedRun

log = logging.getLogger("jobs")

_TREND = timedelta(days=90)
"""How far before its days a report's trend reaches: a feed of years has too many results."""


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

    from jobs.sources.simulator import SimulatorOptions
    from jobs.sources.simulator import simulate as write_days

    if not isinstance(scenario.source, SimulatedSource):
        raise InputError(
            f"scenario {scenario.name} reads a log, it is not simulated: use a scenario whose "
            "source.reader is simulated, such as simulated_feed"
        )
    given = {"rows_per_day": rows_per_day, "seed": seed}
    options = {
        "start": scenario.schedule.start,
        **scenario.source.options,
        **{key: value for key, value in given.items() if value is not None},
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
    lake: Lake,
    scenario: Scenario,
    raw: str | None,
    first: date | None,
    last: date | None,
    histories_until: date | None = None,
) -> None:
    """Raw log to impressions, items and quarantine, and these to click histories.

    Histories are made for every ingested day, up to one if given, that has none or whose past has
    changed.
    """
    from jobs.ingest.click_history import build_history
    from jobs.ingest.publish_log import ingest as run
    from jobs.spark.session import one_session

    check_order(first, last)
    with one_session():
        done = run(lake, scenario, raw_location(scenario, raw), first, last)
        until = histories_until or _last_ingested(lake, scenario)
        with_history = build_history(lake, scenario, until)
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
    log.info("%s: histories of %d days", scenario.name, len(with_history))


def train(
    lake: Lake,
    scenario: Scenario,
    until: date | None,
    *,
    restart: bool = False,
    since: date | None = None,
) -> None:
    """Extend the lineage through a day; a new one begins at ``since``.

    Where item vectors are imported there is nothing to train.
    """
    if scenario.snapshots is not None:
        log.info("%s: item vectors are imported, so no lineage is trained", scenario.name)
        return
    from jobs.ranker.distributed.process_group import is_leader
    from jobs.ranker.lineage import extend_lineage

    last = until or _last_ingested(lake, scenario)
    done = extend_lineage(lake, scenario, last, restart=restart, since=since)
    if not is_leader():
        return
    newest = checkpoint_days(lake, scenario)[-1]
    log.info("%s: trained %d days; the newest ranker is of %s", scenario.name, len(done), newest)


def snapshot(lake: Lake, scenario: Scenario, until: date | None) -> None:
    """Item tables of every checkpoint that has none, or those of the user's own ranker."""
    if scenario.snapshots is not None:
        from jobs.snapshots.imported import import_snapshots

        done = import_snapshots(lake, scenario)
    else:
        from jobs.snapshots.export import build_snapshots

        done = build_snapshots(lake, scenario, until or _last_ingested(lake, scenario))
    log.info("%s: snapshots of %d days", scenario.name, len(done))


def with_slot(lake: Lake, scenario: Scenario, as_of: date) -> Scenario:
    """The scenario with ``slot: auto`` settled: the slot that the ranker of a day relies on most.

    Raises:
        InputError: no held-out row tells, or the ranker names slots that it does not have.
    """
    if scenario.slot != AUTO:
        return scenario
    from jobs.lis.slot_importance.importance import slot_importances
    from jobs.ranker.model.custom_network import leakable_slots

    leakable = leakable_slots(scenario)
    found = [one for one in slot_importances(lake, scenario, as_of) if one.slot in leakable]
    log.info(
        "%s: slot auto leaks %s (AUC lost without it: %s)",
        scenario.name,
        found[0].slot,
        ", ".join(f"{one.slot} {one.importance:.4f}" for one in found),
    )
    return scenario.model_copy(update={"slot": found[0].slot})


def assemble(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    wanted: Sequence[Wanted],
) -> None:
    """Feature tables at T and T+n of every kind; in retrain mode of the days before T as well."""
    from jobs.preference.build_tables import assemble_tables
    from jobs.spark.session import one_session

    require_due(lake, scenario, as_ofs, horizons)
    rankers = starting_ranker_days(lake, scenario)
    days_of: dict[str, set[date]] = {}
    for want in wanted:
        days = days_of.setdefault(want.kind.name, set())
        days.update(as_ofs)
        if want.mode != Mode.SWAP:
            for as_of in as_ofs:
                days.update(fit_days(scenario, rankers, as_of))
    kinds = {want.kind.name: want.kind for want in wanted}
    with one_session():
        for name, days in days_of.items():
            done = assemble_tables(lake, scenario, kinds[name], sorted(days), horizons)
            log.info("%s: %d feature tables of %s", scenario.name, len(done), name)
        if any(want.mode != Mode.SWAP for want in wanted):
            every_day = sorted(set().union(*days_of.values()))
            for name in scenario.ranker.side_information:
                assemble_tables(lake, scenario, preference_kind(name, scenario), every_day, [0])


def score(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    wanted: Sequence[Wanted],
) -> list[LisResult]:
    """Leakage Impact Scores of every kind, in its modes, at every horizon."""
    from jobs.lis.fitted_modes import Training, score_fitted
    from jobs.lis.probe import Probe
    from jobs.lis.retrain import Retrain
    from jobs.lis.swap import score_swap

    require_due(lake, scenario, as_ofs, horizons)
    trainings: list[Training] = [Probe(scenario.fit.days), Retrain(scenario.retrain)]
    results = []
    kinds = [want.kind for want in wanted if want.mode == Mode.SWAP]
    if kinds:
        results += score_swap(lake, scenario, kinds, as_ofs, sorted(horizons))
    for training in trainings:
        kinds = [want.kind for want in wanted if want.mode == training.mode]
        if kinds:
            results += score_fitted(lake, scenario, training, kinds, as_ofs, sorted(horizons))
    return results


def stored_scores(
    lake: Lake,
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    wanted: Sequence[Wanted],
) -> list[LisResult]:
    """What ``score`` has stored of these.

    Raises:
        InputError: nothing.
    """
    from jobs.evaluation.result_store import read_results

    names = [one.kind.name for one in wanted]
    modes = [one.mode for one in wanted]
    stored = read_results(lake, scenario.name, as_ofs[0], as_ofs[-1])
    return asked(stored, scenario, as_ofs, horizons, names, modes)


def report(lake: Lake, scenario: Scenario, as_ofs: Sequence[date]) -> Path:
    """One self-contained HTML page on all that is stored of these days; returns where it is.

    Its trend and its comparison of rankers reach 90 days further back.

    Raises:
        InputError: nothing is.
    """
    from jobs.evaluation.result_store import read_results
    from jobs.lis.slot_importance.importance import stored_importances
    from jobs.reporting.html_report import build_report

    known = read_results(lake, scenario.name, as_ofs[0] - _TREND, as_ofs[-1])
    results = asked(known, scenario, as_ofs)
    earlier = [result for result in known if not result.is_pooled]
    importances = stored_importances(lake, scenario, as_ofs[0]) or ()
    page = build_report(scenario, results, earlier, importances)
    last = max(result.last_day for result in results)
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
    """Results to MLflow, with the page on them: those pooled over a range of days, else all.

    The days of a range stay in the lake; two months of them would bury the one run to review.
    """
    from jobs.tracking.log_results import log_results

    return log_results(lake, scenario, _reviewed(results), page.read_text(encoding="utf-8"))


def log_scores(lake: Lake, scenario: Scenario, results: Sequence[LisResult]) -> list[LoggedRun]:
    """The same results as ``log_runs`` logs, before there is a page that sums them up."""
    from jobs.tracking.log_results import log_scores as log_each

    return log_each(lake, scenario, _reviewed(results))


def _reviewed(results: Sequence[LisResult]) -> list[LisResult]:
    return [result for result in results if result.is_pooled] or list(results)


def _last_ingested(lake: Lake, scenario: Scenario) -> date:
    days = lake.days("impressions", scenario.name)
    if not days:
        raise InputError(
            f"scenario {scenario.name} has no impressions: run python -m jobs ingest "
            f"--scenario {scenario.name} --raw PATH"
        )
    return days[-1]
