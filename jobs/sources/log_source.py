"""The form in which ingest reads every log, the simulated one included."""

from __future__ import annotations

from jobs.scenarios import ImpressionColumns, ItemColumns, ParquetFormat, Scenario, TableSource


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
