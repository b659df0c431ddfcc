"""Preference data of known worth: the item embedding, of which a part is replaced by noise.

Named in ``custom_preferences`` of a scenario, as any custom kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Literal

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from jobs.lake import Lake
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.id_embedding import IdEmbedding
from jobs.scenarios import EvalRowsSeen, Mode, Scenario


@dataclass(frozen=True)
class DegradedEmbedding:
    """The item embedding of the ranker, degraded in a way that is the same on every day.

    Attributes:
        share: Share of the items that keep their vector; others get a random one of its length.
        noise: Length of the random vector that is added, in lengths of the item's.
    """

    name: str
    summary: str
    share: float = 1.0
    noise: float = 0.0
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"

    def build(self, behaviour: Behaviour) -> DataFrame:
        """See ``PreferenceKind.build``."""
        share, noise = self.share, self.noise

        def degraded(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                items = batch["item_id"].to_pylist()
                vectors = np.array(batch["embedding"].to_pylist(), np.float32)
                if items:
                    vectors = _degraded(items, vectors, share, noise)
                place = batch.schema.get_field_index("embedding")
                column = pa.array(vectors.tolist(), pa.list_(pa.float32()))
                yield batch.set_column(place, "embedding", column)

        frame = IdEmbedding().build(behaviour)
        return frame.mapInArrow(degraded, frame.schema)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """See ``KindWithInputs.inputs``."""
        return IdEmbedding().inputs(lake, scenario, windows)


def _degraded(
    items: Sequence[object], vectors: np.ndarray, share: float, noise: float
) -> np.ndarray:
    """Replace vectors, or add noise to them; the same item gets the same random direction."""
    seeds = [int(md5(f"degraded {item}".encode()).hexdigest()[:12], 16) for item in items]
    random = np.stack(
        [np.random.default_rng(seed).standard_normal(vectors.shape[1]) for seed in seeds]
    )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    random *= lengths / np.linalg.norm(random, axis=1, keepdims=True)
    keeps = np.array([seed / 16**12 < share for seed in seeds])[:, None]
    return (np.where(keeps, vectors, random) + noise * random).astype(np.float32)


ID_DOSE_75 = DegradedEmbedding("id_dose_75", "embeddings of 75 % of the items", share=0.75)
ID_DOSE_50 = DegradedEmbedding("id_dose_50", "embeddings of half of the items", share=0.5)
ID_DOSE_25 = DegradedEmbedding("id_dose_25", "embeddings of a quarter of the items", share=0.25)
ID_DOSE_0 = DegradedEmbedding("id_dose_0", "random vectors in place of all embeddings", share=0.0)
ID_NOISE_1 = DegradedEmbedding("id_noise_1", "embeddings and noise of their length", noise=1.0)
ID_NOISE_3 = DegradedEmbedding("id_noise_3", "embeddings and three times the noise", noise=3.0)

DEGRADED = (ID_DOSE_75, ID_DOSE_50, ID_DOSE_25, ID_DOSE_0, ID_NOISE_1, ID_NOISE_3)
"""Each has the name of its variable in small letters."""
