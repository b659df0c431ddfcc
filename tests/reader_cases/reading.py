"""Reads a log with the functions that a job maps over its files, without a job."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from jobs.sources.contract.impression_rows import ImpressionRows
from jobs.sources.exported_vectors import ExportRows, export_table, find_exports
from jobs.sources.log_checks import check_items, check_log
from jobs.sources.log_location import log_files
from jobs.sources.log_source import table_source
from tests.reader_cases.raw_log import Record


@dataclass
class ReadLog:
    """The rows of a log: impressions, and rejected ones with a reason."""

    impressions: list[Record] = field(default_factory=list)
    rejected: list[Record] = field(default_factory=list)


def read_log(scenario: Scenario, raw: str) -> ReadLog:
    """Check and read a log.

    Raises:
        InputError: If it is refused.
    """
    source = table_source(scenario)
    table = check_log(source, log_files(source, raw))
    check_items(source, raw)
    rows = ImpressionRows(table, source, scenario)
    found = ReadLog()
    for part in table.parts:
        for batch in rows.batches(part):
            for row in batch.to_pylist():
                if row["refusal"] is not None:
                    raise InputError(row["refusal"])
                (found.impressions if row["reason"] is None else found.rejected).append(row)
    if not found.impressions:
        raise InputError(f"{raw}: no valid row")
    return found


def read_vectors(scenario: Scenario) -> dict[tuple[str, str], list[float]]:
    """The vectors of exported item tables by day and item.

    Raises:
        InputError: If one is refused.
    """
    assert scenario.snapshots is not None
    exports = find_exports(scenario.snapshots)
    table = export_table(scenario.snapshots, exports.files(exports.paths))
    rows = ExportRows(table, scenario, exports.day_of())
    found = {}
    for part in table.parts:
        for batch in rows.batches(part):
            for row in batch.to_pylist():
                if row["refusal"] is not None:
                    raise InputError(row["refusal"])
                found[row["ds"], str(row["item_id"])] = row["embedding"]
    return found
