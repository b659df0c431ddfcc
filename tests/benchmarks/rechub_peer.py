"""Torch-RecHub: its DCNv2 under its own trainer, from Parquet files by its own streaming reader.

Cross layers beside an MLP, and Adam over whole tables. It reads rows in the order of the file. Ids
are row numbers already. Runs in the environment that scripts/bench_setup.sh makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch_rechub.basic.features import SparseFeature
from torch_rechub.data.dataset import ParquetIterableDataset
from torch_rechub.models.ranking import DCNv2
from torch_rechub.trainers import CTRTrainer

from tests.benchmarks import measure
from tests.benchmarks.log import FIELDS, LogOptions, scenario_of

OPTIONS = scenario_of().ranker


class Batches:
    """Batches of a file as its trainer takes them: columns by name, and labels."""

    def __init__(self, path: Path, rows: int | None = None) -> None:
        columns = [*FIELDS, "label"]
        self._stream = ParquetIterableDataset(
            [path], columns=columns, batch_size=OPTIONS.batch_size
        )
        self._batches = None if rows is None else rows // OPTIONS.batch_size
        self.rows = 0

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        for batch in islice(self._stream, self._batches):
            labels = batch.pop("label")
            self.rows += len(labels)
            yield batch, labels


def main() -> None:
    options = measure.contestant().parse_args()
    torch.set_num_threads(options.threads)
    torch.default_generator.manual_seed(options.seed)
    sizes = LogOptions(vocabulary=options.vocabulary).sizes
    features = [
        SparseFeature(field, vocab_size=size, embed_dim=OPTIONS.embedding_dim)
        for field, size in zip(FIELDS, sizes, strict=True)
    ]
    network = DCNv2(
        features,
        n_cross_layers=OPTIONS.cross_layers,
        mlp_params={"dims": list(OPTIONS.hidden_units)},
        model_structure="parallel",
        use_low_rank_mixture=False,
    )
    trainer = CTRTrainer(network, optimizer_params={"lr": OPTIONS.dense_rate})
    batches = Batches(options.folder / "train.parquet", options.rows)

    def train() -> int:
        trainer.train_one_epoch(batches)
        return batches.rows

    rows, seconds, cpu = measure.timed(train)
    auc = trainer.evaluate(network, Batches(options.folder / "eval.parquet"))
    measure.report(rows, seconds, cpu, float(auc))


if __name__ == "__main__":
    main()
