"""Builds the feature tables of kinds of preference data, at T and at T+n, for the rows of day T.

A feature table has rows for the items in the impressions and click histories of the day, or for its
impressions, and for nothing else, so that its size does not grow with the catalogue. Features are
not copied onto impressions: these carry keys, by which rankers gather rows from the table.
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

from jobs.common.code_digest import code_digest, file_code_digest, is_project_file
from jobs.common.errors import InputError
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import feature_partition
from jobs.lake.manifest import digest_of
from jobs.preference.audit import WrittenTable, audit_rows, audit_sources
from jobs.preference.behaviour import Behaviour, TableWindow, days_between
from jobs.preference.kind import KindWithInputs, PreferenceKind
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command, lis_command
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import latest_timestamp, midnight, read_days, spark_session

KNOWN_AT_T = 0
_KIND = "kind"
"""The input of a table that is no data: the digest of its kind."""

_PARTITION_COLUMNS = {"as_of", "horizon", "known_at"}
_PROSE = {"summary", "phrase", "docs"}
"""Options of a kind that describe it and change no table."""


def assemble_tables(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[Partition]:
    """Publish the tables of a kind at T and at every T+n, for the rows of each day T.

    Missing and stale tables are built in one pass and audited before any is published. Current
    tables are left unchanged.

    Args:
        lake: Where impressions are read and tables are published.
        scenario: The scenario.
        kind: The kind of preference data.
        as_ofs: The days T.
        horizons: The days n.

    Returns:
        The partitions that were built.

    Raises:
        InputError: If day T itself, or data that a table is computed from, is not published.
        AuditError: If a row uses the future, or the label of the impression that it describes.
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


def stale_tables(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, windows: Sequence[TableWindow]
) -> set[TableWindow]:
    """The published tables of a kind whose data has changed since they were built.

    Args:
        lake: Where tables are published.
        scenario: The scenario.
        kind: The kind of preference data.
        windows: Windows of tables; those without a published table are left out.

    Raises:
        InputError: If data that a table was computed from is no longer published.
    """
    published = {
        window: manifest
        for window in windows
        if (
            manifest := lake.manifest(
                feature_partition(scenario, kind.name, window.as_of, window.horizon)
            )
        )
        is not None
    }
    if not published:
        return set()
    inputs = _inputs(lake, scenario, kind, list(published))
    return {
        window
        for window, manifest in published.items()
        if {**manifest.inputs, _KIND: ""} != {**inputs[window], _KIND: ""}
    }


def _inputs(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, windows: Sequence[TableWindow]
) -> dict[TableWindow, dict[str, str]]:
    """What decides whether a table is current: digests of its data, its kind and its day's rows."""
    data = data_inputs(lake, scenario, kind, windows)
    digest = kind_digest(kind)
    way_out = f"run {lis_command('train', scenario)} first"
    rows = {
        as_of: {
            table: lake.require(Partition(table, scenario.name, as_of), way_out).digest
            for table in ("impressions", "history")
        }
        for as_of in {window.as_of for window in windows}
    }
    return {window: {_KIND: digest, **data[window], **rows[window.as_of]} for window in windows}


def data_inputs(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, windows: Sequence[TableWindow]
) -> Mapping[TableWindow, Mapping[str, str]]:
    """Digests of the data that the tables of a kind are computed from, by a name for the data.

    Raises:
        InputError: If some of the data does not exist.
    """
    if isinstance(kind, KindWithInputs):
        return kind.inputs(lake, scenario, windows)
    return _behaviour_inputs(lake, scenario, kind, windows)


def _behaviour_inputs(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, windows: Sequence[TableWindow]
) -> dict[TableWindow, dict[str, str]]:
    """Digest of the impressions of each window."""
    first_days = {window: window.first_day(scenario.lookback_days) for window in windows}
    end = max(window.known_at for window in windows)
    digests = {
        day: lake.require(
            Partition("impressions", scenario.name, day),
            f"run {ingest_command(scenario, start=day, end=day)}",
        ).digest
        for day in days_between(lake, scenario, min(first_days.values()), end)
    }
    last = end - timedelta(days=1)
    if any(window.horizon for window in windows) and (not digests or max(digests) < last):
        raise InputError(
            f"{kind.name}: scenario {scenario.name} has no impressions on {last}, which the "
            f"longest horizon reaches: ingest up to that day, or choose an earlier date"
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


def kind_digest(kind: PreferenceKind) -> str:
    """Digest of a kind's options, of its code, and of the code that assembles tables."""
    defining = type(kind)
    file = Path(inspect.getfile(defining))
    code = code_digest(defining.__module__) if is_project_file(file) else file_code_digest(file)
    options = {name: value for name, value in vars(kind).items() if name not in _PROSE}
    return digest_of(defining.__qualname__, options, code, code_digest(__name__))


def _write(behaviour: Behaviour, kind: PreferenceKind, folder: str) -> pa.Schema:
    """Write the rows of items or impressions of the day of each table; returns their columns."""
    frame = kind.build(behaviour)
    tables = F.broadcast(behaviour.tables)
    key = schemas.key_column(kind.keyed_by)
    targets = behaviour.target_impressions.select("as_of", key)
    if kind.keyed_by == "impression":
        features = frame.join(tables, ["as_of", "horizon"], how="left_semi")
    else:
        features = frame.join(tables, "known_at")
        if kind.keyed_by == "item":
            targets = targets.unionByName(_items_clicked(behaviour))
        targets = targets.distinct()
    rows = features.join(targets, ["as_of", key], how="left_semi")
    contract = schemas.features(behaviour.scenario, kind.keyed_by, kind.takes)
    standard = {*_PARTITION_COLUMNS, *contract.names}
    further = [name for name in frame.columns if name not in standard]
    schema = pa.schema([*contract, *to_arrow_schema(frame.select(*further).schema)])
    write_by_day(rows, behaviour.lake, folder, schema, key, by=("as_of", "horizon"))
    return schema


def _items_clicked(behaviour: Behaviour) -> DataFrame:
    """Items in the click histories of each day."""
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
