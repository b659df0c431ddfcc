"""The form in which ingest reads every log, the simulated one included."""

from __future__ import annotations

import re
from datetime import date

from jobs.scenarios import ImpressionColumns, ItemColumns, ParquetFormat, Scenario, TableSource
from jobs.sources.log_location import day_pattern, has_day_in_path


def table_source(scenario: Scenario) -> TableSource:
    """The scenario's log as a table with a column mapping."""
    if isinstance(scenario.source, TableSource):
        return scenario.source
    return TableSource(
        path="impressions/ds={ds}",
        format=ParquetFormat(),
        columns=ImpressionColumns(
            impression_id="impression_id",
            user_id="user_id",
            item_id="item_id",
            ts="ts",
            label="label",
            context={"device": "device", "slot": "slot"},
        ),
        ids="int64",
        items=ItemColumns(
            path="items", item_id="item_id", title="title", category="category", vector="vector"
        ),
    )


def file_day(source: TableSource, name: str) -> date | None:
    """The day in the path of a file of the log, None if it has none.

    Args:
        source: options with the path.
        name: absolute path of the file.
    """
    if not has_day_in_path(source):
        return None
    # Whole path components, so that a date elsewhere in the path does not match.
    found = re.search(f"/{day_pattern(source)}(?:/|$)", f"/{name}")
    return None if found is None else date.fromisoformat(found[1])
