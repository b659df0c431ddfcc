"""What items are made of, as vectors: the same before and after a leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from sklearn.feature_extraction.text import HashingVectorizer

from jobs.lake import Lake, Partition, schemas
from jobs.lake.manifest import digest_of
from jobs.preference.behaviour import Behaviour, TableWindow, days_between, published
from jobs.scenarios import Scenario, SimulatedSource

_WORDS = ("title", "category", "text")


def has_vectors(scenario: Scenario) -> bool:
    """Whether the scenario's items come with vectors of their own."""
    source = scenario.source
    if isinstance(source, SimulatedSource):
        return True
    return source.items is not None and source.items.vector is not None


def content_vectors(behaviour: Behaviour, dim: int) -> DataFrame:
    """Items' own vectors where the scenario has any, else their hashed words, (dim).

    Content is no behaviour: an item carries it from the day on which it is first shown, so that day
    counts too. An item without content has no row.
    """
    lake, scenario = behaviour.lake, behaviour.scenario
    days = _item_days(lake, scenario, behaviour.windows)
    contract = schemas.items(scenario)
    items = published(behaviour.spark, lake, "items", scenario.name, days, contract)
    if has_vectors(scenario):
        vectors = items.select("ds", "item_id", F.col("vector").alias("embedding"))
        vectors = vectors.where("embedding is not null")
    else:
        vectors = _hashed(items, dim)
    # Where an item is described on several days, a description holds until the next one.
    later = Window.partitionBy("item_id").orderBy("ds")
    described = vectors.withColumn("until", F.lead("ds").over(later))
    known_at = behaviour.tables.select("known_at").distinct()
    holds = (F.col("ds") <= F.col("known_at")) & (
        F.col("until").isNull() | (F.col("until") > F.col("known_at"))
    )
    return described.join(F.broadcast(known_at), holds).select(
        "known_at",
        "item_id",
        "embedding",
        F.lit(0).cast("bigint").alias("updates"),
        F.lit(None).cast("timestamp").alias("last_event"),
    )


def content_inputs(
    lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
) -> Mapping[TableWindow, Mapping[str, str]]:
    """Digest of all items that were seen through each table's day."""
    digests = {
        day: lake.require(Partition("items", scenario.name, day), "ingest the day again").digest
        for day in _item_days(lake, scenario, windows)
    }
    return {
        window: {"items": digest_of([(d, digests[d]) for d in digests if d <= window.known_at])}
        for window in windows
    }


def _item_days(lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]) -> list[date]:
    end = max(window.known_at for window in windows) + timedelta(days=1)
    return days_between(lake, scenario, date.min, end, "items")


def _hashed(items: DataFrame, dim: int) -> DataFrame:
    """Words of title, category and text, hashed with signs into ``dim`` places, of length 1."""

    def hashed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        vectorizer = HashingVectorizer(n_features=dim, norm="l2", dtype=np.float32)
        for batch in batches:
            if not batch.num_rows:
                continue
            vectors = vectorizer.transform(batch["words"].to_pylist()).toarray()
            offsets = pa.array(np.arange(len(vectors) + 1, dtype=np.int32) * dim)
            listed = pa.ListArray.from_arrays(offsets, pa.array(vectors.reshape(-1)))
            described = pa.array((vectors != 0).any(axis=1))
            columns = [batch["ds"], batch["item_id"], listed]
            yield pa.record_batch(columns, ["ds", "item_id", "embedding"]).filter(described)

    words = F.concat_ws(" ", *_WORDS).alias("words")
    item_type = items.schema["item_id"].dataType.simpleString()
    schema = f"ds string, item_id {item_type}, embedding array<float>"
    return items.select("ds", "item_id", words).where("words != ''").mapInArrow(hashed, schema)
