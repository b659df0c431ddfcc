"""The content of items as vectors: independent of behaviour, and the same n days later.

Its leak gains nothing by construction. In retrain mode ``unleaked_gain`` is the gain that content
brings to the ranker today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import EvalRowsSeen, Mode, SimulatedSource
from jobs.scenarios.hints import ingest_command

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyspark import sql
    from pyspark.sql import functions as F
    from sklearn.feature_extraction import text

    from jobs.lake import Lake, manifest, partition, schemas
    from jobs.preference import behaviour as behaviours
    from jobs.scenarios import Scenario
else:
    np = lazy_module("numpy")
    pa = lazy_module("pyarrow")
    sql = lazy_module("pyspark.sql")
    F = lazy_module("pyspark.sql.functions")
    text = lazy_module("sklearn.feature_extraction.text")
    manifest = lazy_module("jobs.lake.manifest")
    partition = lazy_module("jobs.lake.partition")
    schemas = lazy_module("jobs.lake.schemas")
    behaviours = lazy_module("jobs.preference.behaviour")

_WORDS = ("title", "category", "text")


@dataclass(frozen=True)
class ContentVector:
    """The vectors that items come with, or else their hashed words.

    An item has its content from the day on which it is first shown, including that day. An item
    without content has no row.

    Attributes:
        dim: Length of the vectors of hashed words.
    """

    name: str = "content_vector"
    summary: str = "vectors of the items, or their hashed words; the same at T and n days later"
    phrase: str = "the content of the items as of {days} later"
    docs: str = "The content of the item: its vector or hashed words. It leaks nothing."
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    dim: int = 32

    def build(self, behaviour: behaviours.Behaviour) -> sql.DataFrame:
        """See ``PreferenceKind.build``."""
        lake, scenario = behaviour.lake, behaviour.scenario
        days = _item_days(lake, scenario, behaviour.windows)
        contract = schemas.items(scenario)
        items = behaviours.published(behaviour.spark, lake, "items", scenario.name, days, contract)
        if has_vectors(scenario):
            vectors = items.select("ds", "item_id", F.col("vector").alias("embedding"))
            vectors = vectors.where("embedding is not null")
        else:
            vectors = _hashed(items, self.dim)
        # Where an item is described on several days, a description holds until the next one.
        later = sql.Window.partitionBy("item_id").orderBy("ds")
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

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[behaviours.TableWindow]
    ) -> Mapping[behaviours.TableWindow, Mapping[str, str]]:
        """See ``KindWithInputs.inputs``: all items that were seen through the day of a table."""
        digests = {
            day: lake.require(
                partition.Partition("items", scenario.name, day),
                f"run {ingest_command(scenario, start=day, end=day)}",
            ).digest
            for day in _item_days(lake, scenario, windows)
        }
        return {
            window: {
                "items": manifest.digest_of(
                    [(day, digests[day]) for day in digests if day <= window.known_at]
                )
            }
            for window in windows
        }


def has_vectors(scenario: Scenario) -> bool:
    """Whether the items of a scenario come with vectors."""
    source = scenario.source
    if isinstance(source, SimulatedSource):
        return True
    return source.items is not None and source.items.vector is not None


def _item_days(
    lake: Lake, scenario: Scenario, windows: Sequence[behaviours.TableWindow]
) -> list[date]:
    end = max(window.known_at for window in windows) + timedelta(days=1)
    return behaviours.days_between(lake, scenario, date.min, end, "items")


def _hashed(items: sql.DataFrame, dim: int) -> sql.DataFrame:
    """Words of title, category and text, hashed with signs to unit vectors of length ``dim``."""

    def hashed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        vectorizer = text.HashingVectorizer(n_features=dim, norm="l2", dtype=np.float32)
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


KINDS = (ContentVector(),)
