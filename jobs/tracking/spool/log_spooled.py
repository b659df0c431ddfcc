"""Logging what is spooled: at once if MLflow answers, else by ``lis log``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from jobs.ais.ais_result import AIS_TABLE, AisResult
from jobs.common.errors import AuditError, InputError, first_line
from jobs.common.secrets import without_password
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_result
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.gate.decide import GateDecision
from jobs.lake import Lake
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command
from jobs.tracking.log_ais import log_ais
from jobs.tracking.log_gate import log_decision
from jobs.tracking.log_results import LoggedRun, log_results, log_single_results
from jobs.tracking.spool.entries import Entry, EntryKind, ResultAddress, Spool

log = logging.getLogger("jobs")


def log_scores(lake: Lake, scenario: Scenario, results: Sequence[LisResult]) -> list[LoggedRun]:
    """Log Leakage Impact Scores, each a run below an open parent; see ``_log_or_keep``."""
    return _log_or_keep(lake, scenario, Entry(EntryKind.SCORES, _addresses(lake, results)))


def log_improvements(
    lake: Lake, scenario: Scenario, results: Sequence[AisResult]
) -> list[LoggedRun]:
    """Log AUC Improvement Scores; see ``_log_or_keep``."""
    return _log_or_keep(lake, scenario, Entry(EntryKind.AIS, _addresses(lake, results)))


def log_gate_decision(lake: Lake, scenario: Scenario, decision: GateDecision) -> LoggedRun | None:
    """Log a decision; None if it has no result to be logged under, or is kept."""
    if decision.ground is None:
        return None
    logged = _log_or_keep(lake, scenario, Entry(EntryKind.GATE, decision=decision))
    return logged[0] if logged else None


def log_with_report(
    lake: Lake,
    scenario: Scenario,
    results: Sequence[LisResult],
    single_days: Sequence[LisResult],
    page: str,
) -> list[LoggedRun]:
    """Log results with the report on them, as ``log_results`` does; see ``_log_or_keep``."""
    addresses, of_days = _addresses(lake, results), _addresses(lake, single_days)
    return _log_or_keep(lake, scenario, Entry(EntryKind.REPORT, addresses, of_days, page))


def log_spooled(lake: Lake, scenario: Scenario) -> list[LoggedRun]:
    """Log all that waits in the lake, each entry once.

    An entry that MLflow refuses stays, and the others are logged.

    Returns:
        The runs, those included that were complete already.

    Raises:
        ServiceUnavailable: If MLflow does not answer; what is left stays.
        InputError: If MLflow cannot be used, or refuses an entry.
    """
    spool = Spool(lake, scenario.name)
    logged, entries = [], spool.entries()
    refused: list[tuple[Entry, Exception]] = []
    for entry in entries:
        try:
            logged += _log(lake, scenario, entry)
        except (InputError, AuditError) as error:
            refused.append((entry, error))
        else:
            spool.remove(entry)
    if refused:
        first, reason = refused[0]
        raise InputError(
            f"{len(refused)} of {len(entries)} entries are not logged: {reason} (the first is "
            f"{spool.shown(first)}; without it, its results stay in the lake alone)"
        )
    return logged


def _addresses(lake: Lake, results: Iterable[LisResult]) -> tuple[ResultAddress, ...]:
    return tuple(ResultAddress.of(lake, result) for result in results)


def _log_or_keep(lake: Lake, scenario: Scenario, entry: Entry) -> list[LoggedRun]:
    """Log an entry if MLflow takes it; else keep it for ``log_spooled``.

    Results are stored when this is called. Whatever is wrong with MLflow, its database or its
    storage must not undo them, so no error of theirs gets through.

    Returns:
        What ``log_spooled`` returns; empty if the entry is kept.
    """
    spool = Spool(lake, scenario.name)
    spool.add(entry)
    try:
        logged = _log(lake, scenario, entry)
    except Exception as error:
        log.warning(
            "not logged to MLflow yet: %s. It waits in the lake; once MLflow takes it, run %s",
            without_password(first_line(error)),
            lis_command("log", scenario),
        )
        return []
    spool.remove(entry)
    return logged


def _log(lake: Lake, scenario: Scenario, entry: Entry) -> list[LoggedRun]:
    results = _stored(lake, scenario, entry.results)
    corrected = corrected_for_looks(results, scenario.confidence)
    match entry.kind:
        case EntryKind.SCORES:
            return log_single_results(lake, scenario, corrected)
        case EntryKind.AIS:
            aligned = [one for one in results if isinstance(one, AisResult)]
            return log_ais(lake, scenario, aligned)
        case EntryKind.GATE:
            run = log_decision(lake, scenario, entry.decision) if entry.decision else None
            return [] if run is None else [run]
        case EntryKind.REPORT:
            single = corrected_for_looks(
                _stored(lake, scenario, entry.single_days), scenario.confidence
            )
            return log_results(lake, scenario, corrected, entry.page, single_days=single)


def _stored(
    lake: Lake, scenario: Scenario, addresses: tuple[ResultAddress, ...]
) -> list[LisResult]:
    """Return the results as the lake has them now; one that was removed is left out."""
    found = []
    for address in addresses:
        partition = address.partition(scenario.name)
        if lake.is_published(partition):
            kind = AisResult if address.table == AIS_TABLE else LisResult
            found.append(read_result(lake, partition, kind))
    return found
