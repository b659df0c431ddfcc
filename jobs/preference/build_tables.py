"""Kinds of preference data → ``features``: what each knows at T, and at T+n, for day T's rows.

A feature table holds the items that the day's impressions and histories name, or the day's
impressions, and no others, so that a ranker reads what it needs however many items the feed has
ever had. Rows of impressions are not copied: they carry keys, and rankers gather from the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.common.errors import InputError
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import feature_partition
from jobs.lake.manifest import digest_of
from jobs.preference.audit import WrittenTable, audit_rows, audit_sources
from jobs.preference.behaviour import Behaviour, MadeFromElse, TableMaker, TableWindow, days_between
from jobs.scenarios import Scenario
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import latest_timestamp, midnight, read_days, spark_session

KNOWN_AT_T = 0
TABLE_REVISION = 1
"""Raised by hand when the same behaviour would give other tables: stored ones are then stale."""

_PLACE = {"as_of", "horizon", "known_at"}


def assemble_tables(
    lake: Lake,
    scenario: Scenario,
    kind: TableMaker,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[Partition]:
    """Publish a kind's tables at T and at every T+n, for the rows of each day T.

    All that are missing or stale are made in one pass and audited before any is published; those
    that are current are left as they are. Returns the partitions made.

    Raises:
        InputError: day T itself, or what a table is made from, is not there.
        AuditError: a table saw the future, or the label of the row that it describes.
    """
    windows = [
        TableWindow(as_of, horizon)
        for as_of in as_ofs
        for horizon in sorted({KNOWN_AT_T, *horizons})
    ]
    partitions = {
        window: feature_partition(scenario, kind.name, window.as_of, window.horizon)
        for window in windows
    }
    inputs = _inputs(lake, scenario, kind, windows)
    stale = {
        window: partition
        for window, partition in partitions.items()
        if (manifest := lake.manifest(partition)) is None or manifest.inputs != inputs[window]
    }
    if not stale:
        return []
    with (
        spark_session(f"features {scenario.name}") as spark,
        lake.attempt(list(stale.values())) as attempt,
    ):
        behaviour = Behaviour(spark, lake, scenario, tuple(stale))
        schema = _write(behaviour, kind, f"{attempt.folder}/features")
        key = schemas.key_column(kind.keyed_by)
        tables = [
            WrittenTable(kind.name, partition, window, key, f"{attempt.folder}/{_below(window)}")
            for window, partition in stale.items()
        ]
        for table in tables:
            audit_rows(lake.storage, table)
        if kind.keyed_by == "impression":
            audit_sources(behaviour, tables)
        for table in tables:
            _publish(lake, attempt, table, schema, inputs[table.window])
    return list(stale.values())


def _inputs(
    lake: Lake, scenario: Scenario, kind: TableMaker, windows: Sequence[TableWindow]
) -> dict[TableWindow, dict[str, str]]:
    made_from = (
        kind.inputs(lake, scenario, windows)
        if isinstance(kind, MadeFromElse)
        else _behaviour_inputs(lake, scenario, kind, windows)
    )
    digest = _kind_digest(kind)
    way_out = f"run python -m jobs train --scenario {scenario.name} first"
    rows = {
        as_of: {
            table: lake.require(Partition(table, scenario.name, as_of), way_out).digest
            for table in ("impressions", "history")
        }
        for as_of in {window.as_of for window in windows}
    }
    return {
        window: {"kind": digest, **made_from[window], **rows[window.as_of]} for window in windows
    }


def _behaviour_inputs(
    lake: Lake, scenario: Scenario, kind: TableMaker, windows: Sequence[TableWindow]
) -> dict[TableWindow, dict[str, str]]:
    """For tables that follow from the impressions of their windows and nothing else."""
    first_days = {window: window.first_day(scenario.lookback_days) for window in windows}
    end = max(window.known_at for window in windows)
    digests = {
        day: lake.require(Partition("impressions", scenario.name, day), "ingest the day").digest
        for day in days_between(lake, scenario, min(first_days.values()), end)
    }
    last = end - timedelta(days=1)
    if any(window.horizon for window in windows) and (not digests or max(digests) < last):
        raise InputError(
            f"{kind.name}: scenario {scenario.name} has no impressions on {last}, which the "
            f"longest horizon reaches: ingest up to that day, or ask for an earlier one"
        )
    return {
        window: {
            "behaviour": digest_of(
                [
                    (day, digests[day])
                    for day in digests
                    if first_days[window] <= day < window.known_at
                ]
            )
        }
        for window in windows
    }


def _kind_digest(kind: TableMaker) -> str:
    """Over the kind's options, and over the file that defines it, which may be a user's own."""
    source = Path(inspect.getfile(type(kind))).read_text(encoding="utf-8")
    return digest_of(TABLE_REVISION, type(kind).__qualname__, vars(kind), source)


def _write(behaviour: Behaviour, kind: TableMaker, folder: str) -> pa.Schema:
    """Write the tables, cut to what their days name; returns their columns."""
    frame = kind.build(behaviour)
    tables = F.broadcast(behaviour.tables)
    key = schemas.key_column(kind.keyed_by)
    named = behaviour.asked.select("as_of", key)
    if kind.keyed_by == "impression":
        placed = frame.join(tables, ["as_of", "horizon"], how="left_semi")
    else:
        placed = frame.join(tables, "known_at")
        if kind.keyed_by == "item":
            named = named.unionByName(_items_clicked(behaviour))
        named = named.distinct()
    rows = placed.join(named, ["as_of", key], how="left_semi")
    contract = schemas.features(behaviour.scenario, kind.keyed_by, kind.takes)
    own = [name for name in frame.columns if name not in _PLACE and name not in contract.names]
    schema = pa.schema([*contract, *to_arrow_schema(frame.select(*own).schema)])
    write_by_day(rows, behaviour.lake, folder, schema, key, by=("as_of", "horizon"))
    return schema


def _items_clicked(behaviour: Behaviour) -> DataFrame:
    """Items that the histories of a day hold."""
    days = sorted({window.as_of for window in behaviour.windows})
    name = behaviour.scenario.name
    history = read_days(behaviour.spark, behaviour.lake, "history", name, days)
    assert history is not None
    items = F.explode(F.array_union("items", "lineage_items"))
    return history.select(F.col("ds").alias("as_of"), items.alias("item_id"))


def _publish(
    lake: Lake,
    attempt: Attempt,
    table: WrittenTable,
    schema: pa.Schema,
    inputs: Mapping[str, str],
) -> None:
    newest = latest_timestamp(lake.storage, table.folder, "last_event")
    attempt.publish(
        table.partition,
        below=_below(table.window),
        inputs=inputs,
        schema=schema,
        window=SeenWindow.until(midnight(table.window.known_at), newest),
    )


def _below(window: TableWindow) -> str:
    return f"features/as_of={window.as_of.isoformat()}/horizon={window.horizon}"
