"""``ranker.dense_features``: the vectors that items come with, as inputs of each day's ranker.

Ranker and rows of day D read the vectors of all items that were first shown on D or before: an item
comes with its content, so it is known when a row shows it. What is described later is in no input.
Vectors that an encoder has learnt from behaviour are known from a day on (``known_from``); before
it none has any.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition, schemas
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command

_ITEMS = "items"


def read_dense_features(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> None:
    """Give a ranker the vectors that are known on a day, of the features that it has a head for.

    Only items of days that it has not read yet are read, so a lineage reads each day once.

    Args:
        ranker: The ranker; its item vectors are replaced.
        lake: Where the items are stored.
        scenario: The ranker's scenario.
        day: Day whose rows are scored or trained on.

    Raises:
        InputError: If a day has no such vectors, or one of another length.
    """
    heads = ranker.network.heads_of_vectors
    for name in scenario.ranker.dense_features:
        if name not in heads:
            continue
        known = ranker.item_vectors.get(name)
        if known is None or known.through is None or known.through > day:
            known = ItemVectors.empty(schemas.id_type(scenario), heads[name].scale)
        if known.through != day:
            table = known_vectors(lake, scenario, name, day, known)
            ranker.item_vectors[name] = known.updated(table, day)


def known_vectors(
    lake: Lake, scenario: Scenario, name: str, day: date, before: ItemVectors | None = None
) -> pa.Table:
    """Read the vectors of items that are known on a day; of an item, its last description counts.

    Args:
        lake: Where the items are stored.
        scenario: The scenario.
        name: Name of the vectors, a column of the table ``items``.
        day: The day.
        before: What has been read of earlier days, which is not read again.

    Returns:
        ``item_id`` and ``embedding``, each item once.

    Raises:
        InputError: If a day has no such vectors, or one of another length.
    """
    after = None if before is None else before.through
    dim = None if before is None else before.dim
    schema = pa.schema(
        [("item_id", schemas.id_type(scenario)), ("embedding", pa.list_(pa.float32()))]
    )
    parts = [schema.empty_table()]
    known_from = scenario.source.known_from(name)
    if known_from is not None and day < known_from:
        return parts[0]
    for one in lake.days(_ITEMS, scenario.name):
        if one > day or (after is not None and one <= after):
            continue
        with lake.open_files(Partition(_ITEMS, scenario.name, one)) as streams:
            for stream in streams:
                part = _column(scenario, name, one, pq.ParquetFile(stream)).cast(schema)
                dim = _one_length(scenario, name, one, part, dim)
                parts.append(part)
    table = pa.concat_tables(parts)
    ids = table["item_id"].to_pandas()
    return table.filter(pa.array(~ids.duplicated(keep="last").to_numpy()))


def _column(scenario: Scenario, name: str, day: date, file: pq.ParquetFile) -> pa.Table:
    """``item_id`` and ``embedding`` of the items of a file that have a vector."""
    if name not in file.schema_arrow.names:
        raise InputError(
            f"ranker.dense_features: the items of {day} of {scenario.name} were ingested without "
            f"{name}: run {ingest_command(scenario)}"
        )
    table = file.read(columns=["item_id", name]).select(["item_id", name])
    described = table.rename_columns(["item_id", "embedding"])
    lengths = pc.list_value_length(described["embedding"]).fill_null(0)
    return described.filter(pc.greater(lengths, 0))


def _one_length(
    scenario: Scenario, name: str, day: date, part: pa.Table, dim: int | None
) -> int | None:
    """The length of all vectors so far; None if there is none."""
    lengths = pc.list_value_length(part["embedding"]).to_numpy()
    if not len(lengths):
        return dim
    expected = int(lengths[0]) if dim is None else dim
    others = np.flatnonzero(lengths != expected)
    if len(others):
        item, length = part["item_id"][int(others[0])], lengths[others[0]]
        raise InputError(
            f"ranker.dense_features: {name} of item {item} of {day} has {length} numbers, that of "
            f"others {expected}: correct the item file and run "
            f"{ingest_command(scenario, start=day, end=day)}"
        )
    return expected
