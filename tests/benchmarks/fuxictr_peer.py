"""FuxiCTR: DCN-V2 of its own layers, under its own trainer and loader.

Its model zoo is not in its package, so the network is put together here as that one is: parallel
cross layers and MLP. Ids are row numbers already. Runs in the environment that
scripts/bench_setup.sh makes.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.dataloaders import RankDataLoader
from fuxictr.pytorch.layers import CrossNetV2, FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import BaseModel
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tests.benchmarks import measure
from tests.benchmarks.log import FIELDS, LogOptions, scenario_of

OPTIONS = scenario_of().ranker


class ParallelDcn(BaseModel):  # type: ignore[misc]
    """Embeddings, cross layers beside an MLP, and a linear head."""

    def __init__(self, feature_map: FeatureMap, folder: Path) -> None:
        super().__init__(
            feature_map, verbose=0, model_root=str(folder), metrics=["AUC"], monitor="AUC"
        )
        width, hidden = len(FIELDS) * OPTIONS.embedding_dim, list(OPTIONS.hidden_units)
        self.embedding = FeatureEmbedding(feature_map, OPTIONS.embedding_dim)
        self.cross = CrossNetV2(width, OPTIONS.cross_layers)
        self.deep = MLP_Block(width, hidden_units=hidden)
        self.head = torch.nn.Linear(width + hidden[-1], 1)
        self.compile("adam", "binary_crossentropy", OPTIONS.dense_rate)
        self.reset_parameters()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        vectors = self.embedding(self.get_inputs(inputs), flatten_emb=True)
        logits = self.head(torch.cat([self.cross(vectors), self.deep(vectors)], dim=-1))
        return {"y_pred": torch.sigmoid(logits)}


def feature_map_of(sizes: tuple[int, ...], folder: Path) -> FeatureMap:
    features = FeatureMap("benchmark", str(folder))
    features.labels = ["label"]
    features.features = OrderedDict(
        (field, {"source": "", "type": "categorical", "vocab_size": size})
        for field, size in zip(FIELDS, sizes, strict=True)
    )
    features.set_column_index()
    return features


def as_npz(parquet: Path, npz: Path, rows: int | None) -> str:
    """Its loader's own format, made before the clock starts."""
    table = pq.read_table(parquet).slice(0, rows)
    np.savez(npz, **{name: table[name].to_numpy() for name in table.column_names})
    return str(npz)


def main() -> None:
    options = measure.contestant().parse_args()
    torch.set_num_threads(options.threads)
    torch.default_generator.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        features = feature_map_of(LogOptions(vocabulary=options.vocabulary).sizes, folder)
        files: dict[str, Any] = {
            "train_data": as_npz(options.folder / "train.parquet", folder / "a.npz", options.rows),
            "test_data": as_npz(options.folder / "eval.parquet", folder / "b.npz", None),
        }
        model = ParallelDcn(features, folder)
        # As its fit() sets them, but with no validation while it trains.
        model.__dict__.update(
            _max_gradient_norm=10.0, _eval_steps=1 << 40, _total_steps=0, _stop_training=False
        )

        def train() -> int:
            batches, _, _ = RankDataLoader(features, batch_size=OPTIONS.batch_size, **files)
            model.train_epoch(batches)
            return int(batches.num_samples)

        rows, seconds, cpu = measure.timed(train)
        *_, held_out = RankDataLoader(features, stage="both", batch_size=8192, **files)
        scores = model.predict(held_out)
        labels = pq.read_table(options.folder / "eval.parquet")["label"].to_numpy()
        measure.report(rows, seconds, cpu, float(roc_auc_score(labels, scores)))


if __name__ == "__main__":
    main()
