"""Results → MLflow: a parent run for each date and ranker, and a child run for each result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.evaluation.result import LisResult, Subject
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake
from jobs.reporting.wording import ordered
from jobs.tracking import runs
from jobs.tracking.curves import log_by_day, log_by_horizon
from jobs.tracking.experiment_page import open_experiment
from jobs.tracking.registered_ranker import register_ranker
from jobs.tracking.run_content import (
    ALONE,
    alone_digest,
    parent_content,
    parent_name,
    result_content,
    result_digest,
    result_name,
)
from jobs.tracking.runs import KIND, Kind, run_key
from jobs.tracking.store import run_url, store_lock, tracking_store


@dataclass(frozen=True)
class LoggedRun:
    """A run in MLflow.

    Attributes:
        written: Whether anything was logged; False if the run had the same content already.
    """

    run_id: str
    parent_run_id: str | None
    name: str
    url: str
    written: bool


def log_results(
    lake: Lake,
    about: Subject,
    results: Sequence[LisResult],
    report_html: str | None = None,
    single_days: Sequence[LisResult] = (),
) -> list[LoggedRun]:
    """Log results to the experiment ``lis/<name>``; logging them again changes nothing.

    Results with the same date, ranker and data share a parent run, also across calls: a horizon
    that becomes due later joins the run of its date. Each ranker becomes a version of the
    scenario's registered model, and each single day a point of the curves over days.

    Args:
        lake: The lake with the predictions and checkpoints.
        about: The scenario of the results, or what was compared.
        results: The results to log.
        report_html: A report, kept with each parent run.
        single_days: Further results that become points of the curves over days alone: those that
            a pooled one sums up.

    Returns:
        Each parent run followed by its child runs.

    Raises:
        InputError: If the tracking store cannot be used.
        ServiceUnavailable: If it does not answer.
        AuditError: If the predictions of two variants are not on the same rows.
    """
    with tracking_store() as client:
        experiment_id = open_experiment(client, about)
        logged = []
        for parent, runs_below in _runs_by_parent(client, experiment_id, lake, about, results):
            with store_lock():
                stored = corrected_for_looks(_stored_results(client, parent), about.confidence)
                content = parent_content(lake, about, stored, report_html)
                written = runs.write(client, parent.info.run_id, content)
                log_by_horizon(client, parent, stored)
                register_ranker(client, lake, parent.info.run_id, stored[0])
            logged += [_logged(parent, content.name, None, written), *runs_below]
        with store_lock():
            log_by_day(client, experiment_id, [*single_days, *results])
    return logged


def log_single_results(lake: Lake, about: Subject, results: Sequence[LisResult]) -> list[LoggedRun]:
    """Log results one by one; parent runs stay open until ``log_results`` summarises them.

    A result that was logged beside others already, with the verdict corrected for their number,
    keeps that verdict.

    Raises:
        InputError: If the tracking store cannot be used.
        ServiceUnavailable: If it does not answer.
        AuditError: If the predictions of two variants are not on the same rows.
    """
    with tracking_store() as client:
        found = _runs_by_parent(
            client, open_experiment(client, about), lake, about, results, keeps_correction=True
        )
        return [run for _, runs_below in found for run in runs_below]


def _runs_by_parent(
    client: MlflowClient,
    experiment_id: str,
    lake: Lake,
    about: Subject,
    results: Sequence[LisResult],
    *,
    keeps_correction: bool = False,
) -> Iterator[tuple[Run, list[LoggedRun]]]:
    groups: dict[tuple[str, ...], list[LisResult]] = {}
    for result in ordered(results):
        groups.setdefault(_parent_identity(result), []).append(result)
    for group in groups.values():
        with store_lock():
            parent = open_parent(client, experiment_id, group[0])
        yield (
            parent,
            [
                _log_result(client, lake, about, parent, result, keeps_correction)
                for result in group
            ],
        )


def _log_result(
    client: MlflowClient,
    lake: Lake,
    about: Subject,
    parent: Run,
    result: LisResult,
    keeps_correction: bool,
) -> LoggedRun:
    key = run_key(*_parent_identity(result), *_result_identity(result))
    name = result_name(result)
    parent_id = parent.info.run_id
    with store_lock():
        run = runs.open_run(client, parent.info.experiment_id, key, name, {runs.PARENT: parent_id})
    written = False
    is_logged = runs.holds(run, result_digest(about, parent_id, result)) or (
        keeps_correction
        and runs.is_finished(run)
        and run.data.tags.get(ALONE) == alone_digest(about, parent_id, result)
    )
    if not is_logged:
        content = result_content(lake, about, parent_id, result)
        with store_lock():
            written = runs.write(client, run.info.run_id, content)
    return _logged(run, name, parent_id, written)


def open_parent(client: MlflowClient, experiment_id: str, result: LisResult) -> Run:
    """Return the parent run of a result's date and ranker. Call while holding the store's lock."""
    key = run_key(*_parent_identity(result))
    name = parent_name([result])
    return runs.open_run(client, experiment_id, key, name, {KIND: Kind.ALL_SCORES})


def _stored_results(client: MlflowClient, parent: Run) -> list[LisResult]:
    """Return the results below a parent run; if one was computed again, the newest counts."""
    found: dict[tuple[str, str, int], LisResult] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, child in enumerate(runs.scores(client, parent)):
            target = Path(folder) / str(number)
            target.mkdir()
            path = client.download_artifacts(child.info.run_id, "result.json", str(target))
            result = LisResult.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
            found[result.preference, result.mode, result.horizon] = result
    return ordered(found.values())


def _parent_identity(result: LisResult) -> tuple[str, ...]:
    return (result.scenario, result.as_of, result.ranker_version, result.data_digest)


def _result_identity(result: LisResult) -> tuple[str, ...]:
    return (
        result.preference,
        result.mode,
        f"n={result.horizon}",
        f"seeds={result.seeds}",
        f"threshold={result.threshold:g}",
        result.leak_digest,
    )


def _logged(run: Run, name: str, parent_run_id: str | None, written: bool) -> LoggedRun:
    return LoggedRun(run.info.run_id, parent_run_id, name, run_url(run), written)
