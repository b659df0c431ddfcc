"""Checks that the labels of a log are what the scenario's rule was written for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.ingest.row_validation import DayCount
from jobs.scenarios import Scenario, TableSource
from jobs.sources.reading.mapped_table import MappedTable

_MOST_REFUSED = 0.01
"""Share of rows refused for their label from which a log with one label is taken for misread."""

_ROWS_LOOKED_AT = 5_000_000
_SHOWN = 5


def check_labels(
    scenario: Scenario,
    source: TableSource,
    table: MappedTable,
    counts: Mapping[date, DayCount],
    has_other_days: bool,
) -> None:
    """Check that not all rows have the same label: then no ranker learns, and no AUC exists.

    A single day may have one label, and so may days that are added to others, as a feed with few
    clicks has such days. But not if other rows were refused for their label, or if a rule that
    never applies would apply to the same text in another case.

    Args:
        scenario: the feed.
        source: how its labels are made.
        table: the log, of which the labels are shown.
        counts: row counts of the days to publish.
        has_other_days: whether they are added to published days.

    Raises:
        InputError: If they have.
    """
    valid = {day: count for day, count in counts.items() if count.rows}
    labels = {label for count in valid.values() for label in count.labels}
    if len(labels) != 1:
        return
    rows = sum(count.rows for count in valid.values())
    refused = sum(
        number
        for count in counts.values()
        for kind, number in count.reasons.items()
        if kind.startswith("label ")
    )
    is_text_rule = isinstance(source.label.equals, str)
    is_alone = not has_other_days and (len(valid) > 1 or is_text_rule)
    is_suspect = is_alone or refused > _MOST_REFUSED * (rows + refused)
    if not is_suspect and not (is_text_rule and labels == {0}):
        return
    found = _labels_found(table)
    if not is_suspect and not _nearly_equal(found, str(source.label.equals)):
        return
    shown = ", ".join(f"{value!r} ({count:,})" for value, count in found.most_common(_SHOWN))
    raise InputError(
        f"{_files(table)}: all {rows} rows from {min(valid)} to {max(valid)} have label "
        f"{min(labels)}, made from column {source.columns.label!r} ({_rule(source)}), which holds "
        f"{shown}: a ranker needs both labels: correct source.label or source.columns.label in "
        "the scenario, or request days that have both"
    )


def _files(table: MappedTable) -> str:
    """The first file, and how many others there are."""
    first, *others = sorted({part.path for part in table.parts})
    name = table.storage.absolute(first)
    return f"{name} and {len(others)} more" if others else name


def _rule(source: TableSource) -> str:
    rule = source.label
    if rule.at_least is not None:
        return f"at_least: {rule.at_least:g}"
    if rule.equals is not None:
        return f"equals: {rule.equals}"
    return "no rule, so it must hold 0 or 1"


def _labels_found(table: MappedTable) -> Counter[object]:
    """How often each value occurs in the label column, in the first rows of a long log."""
    found: Counter[object] = Counter()
    rows = 0
    for part in table.parts:
        for batch in table.batches(part):
            values = batch.values["label"]
            if pa.types.is_dictionary(values.type):
                values = values.dictionary_decode()
            for entry in pc.value_counts(values).to_pylist():
                found[entry["values"]] += entry["counts"]
            rows += batch.rows
            if rows >= _ROWS_LOOKED_AT:
                return found
    return found


def _nearly_equal(found: Counter[object], text: str) -> bool:
    folded = text.strip().casefold()
    return any(str(value).strip().casefold() == folded for value in found)
