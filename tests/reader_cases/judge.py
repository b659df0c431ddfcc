"""Runs a command on a log and compares what it has published with what it must."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.scenarios import load_scenario
from tests.reader_cases.raw_log import Case, Outcome, RawLog, Record
from tests.reader_cases.reading import read_log, read_vectors

Row = tuple[str, str, int, int, str | None]
"""User, item, microseconds since 1970, label, place."""

_TABLES = ("impressions", "items", "quarantine", "snapshots")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSING = re.compile(r"([\d,]+) impressions on \d+ days .*?([\d,]+) rows quarantined")
_MOST_DAYS = 6


@dataclass(frozen=True)
class Run:
    """What a command has done: its exit code, errors and log, and the lake it has written to."""

    code: int
    errors: list[str]
    messages: list[str]
    lake: Lake


def problems_of_reading(case: Case, log: RawLog) -> list[str]:
    """How checking and reading a log breaks the rule: empty if it does not."""
    try:
        scenario = load_scenario(str(log.scenario_file))
        if log.is_import:
            vectors = read_vectors(scenario)
            return _not_refused(case) or _difference(vectors, log.vectors)
        found = read_log(scenario, str(log.raw))
    except InputError as error:
        return _problems_of_refusal(case, [f"error: {error}"])
    return _not_refused(case) or _problems_of_rows(log, found.impressions, found.rejected)


def problems_of_run(case: Case, log: RawLog, run: Run) -> list[str]:
    """How a run breaks the rule: empty if it does not."""
    if run.code not in (0, 2):
        return [f"exit code {run.code}: {' '.join(run.errors)[-300:]}"]
    if run.code == 2:
        written = [f"published {table}" for table in _TABLES if _rows(run.lake, table)]
        return written + _problems_of_refusal(case, run.errors)
    if found := _not_refused(case):
        return found
    if log.is_import:
        return _difference(_vectors(run.lake), log.vectors)
    rows, rejected = _rows(run.lake, "impressions"), _rows(run.lake, "quarantine")
    found = _problems_of_rows(log, rows, rejected)
    if log.items is not None:
        found += _difference(_items(run.lake), log.items)
    if len({row["ds"] for row in rows + rejected}) > _MOST_DAYS:
        found.append("days that the log does not have")
    counted = [match for line in run.messages if (match := _CLOSING.search(line))]
    counts = [tuple(int(text.replace(",", "")) for text in match.groups()) for match in counted]
    if counts != [(len(rows), len(rejected))]:
        found.append(f"the log line counts {counts} for {(len(rows), len(rejected))}")
    return found


def _not_refused(case: Case) -> list[str]:
    return ["not refused"] if case.outcome is Outcome.REFUSED else []


def _problems_of_refusal(case: Case, errors: list[str]) -> list[str]:
    found = ["refused"] if case.outcome is Outcome.PUBLISHED else []
    line = " ".join(errors)
    if len(errors) != 1 or not line.startswith("error: ") or "\n" in line:
        found.append(f"{len(errors)} lines")
    found += [f"does not say {word!r}" for word in case.says if word.lower() not in line.lower()]
    return [f"{', '.join(found)}: {line[:600]}"] if found else []


def _problems_of_rows(log: RawLog, rows: list[Record], rejected: list[Record]) -> list[str]:
    found = _difference(Counter(map(_row_of, rows)), Counter(map(_expected, log.good)))
    if len(rows) + len(rejected) != log.rows:
        found.append(f"{len(rows)} published and {len(rejected)} rejected of {log.rows} rows")
    if not all(row["reason"] and row["row"] for row in rejected):
        found.append("a rejected row without a reason or its content")
    return found


def _difference(found: Any, expected: Any) -> list[str]:
    if found == expected:
        return []
    keys = sorted(set(found) | set(expected), key=str)
    differing = [key for key in keys if found.get(key) != expected.get(key)]
    shown = [f"{key}: {found.get(key)}, not {expected.get(key)}" for key in differing[:2]]
    return [f"{len(differing)} differ: {'; '.join(shown)}"]


def _row_of(row: Record) -> Row:
    return (
        str(row["user_id"]),
        str(row["item_id"]),
        (row["ts"] - _EPOCH) // timedelta(microseconds=1),
        row["label"],
        row.get("place"),
    )


def _expected(record: Record) -> Row:
    at = (record["at"] - _EPOCH) // timedelta(microseconds=1)
    place = str(record["place"])
    return str(record["visitor"]), str(record["product"]), at, record["clicked"], place


def _items(lake: Lake) -> dict[str, tuple[str | None, list[float] | None]]:
    return {str(row["item_id"]): (row["title"], row["vector"]) for row in _rows(lake, "items")}


def _vectors(lake: Lake) -> dict[tuple[str, str], list[float]]:
    return {(row["ds"], str(row["item_id"])): row["embedding"] for row in _rows(lake, "snapshots")}


def _rows(lake: Lake, table: str) -> list[Record]:
    """All published rows of a table, each with its ``ds``."""
    return [
        {**row, "ds": day.isoformat()}
        for day in lake.days_with_any(table, "case")
        for keys in lake.keys_below(table, "case", day)
        for row in lake.read(Partition(table, "case", day, keys)).to_pylist()
    ]
