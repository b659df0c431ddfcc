"""TorchRec: its EmbeddingBagCollection with FBGEMM's fused row-wise Adagrad, from Parquet files.

The dense network, its optimizer, rates and batch size are those of our trainer, and so is the
shuffle. Ids are row numbers already. Runs in the environment that scripts/bench_setup.sh makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchrec.modules.embedding_configs import EmbeddingBagConfig
from torchrec.modules.fused_embedding_modules import FusedEmbeddingBagCollection
from torchrec.optim.rowwise_adagrad import RowWiseAdagrad
from torchrec.sparse.jagged_tensor import KeyedJaggedTensor

from jobs.ranker.model.dcn import DeepCrossNetwork
from tests.benchmarks import measure
from tests.benchmarks.log import FIELDS, LogOptions, scenario_of

WINDOW = 1 << 20


class TorchRecRanker(nn.Module):
    """Embeddings by TorchRec below the network that our trainer trains."""

    def __init__(self, sizes: tuple[int, ...], seed: int) -> None:
        super().__init__()
        self.options = scenario_of(seed=seed).ranker
        torch.default_generator.manual_seed(seed)
        dim = self.options.embedding_dim
        tables = [
            EmbeddingBagConfig(
                num_embeddings=size, embedding_dim=dim, name=field, feature_names=[field]
            )
            for field, size in zip(FIELDS, sizes, strict=True)
        ]
        self.embeddings = FusedEmbeddingBagCollection(
            tables,
            RowWiseAdagrad,
            {"lr": self.options.embedding_rate, "eps": 1e-10},
            device=torch.device("cpu"),
        )
        self.dense = DeepCrossNetwork(len(FIELDS), 1, self.options)

    def forward(self, codes: NDArray[np.int64]) -> Tensor:
        rows = len(codes)
        features = KeyedJaggedTensor.from_lengths_sync(
            keys=list(FIELDS),
            values=torch.from_numpy(codes.T.reshape(-1)),
            lengths=torch.ones(codes.size, dtype=torch.int32),
        )
        vectors = self.embeddings(features).values().view(rows, len(FIELDS), -1)
        clicks = torch.zeros(rows, 0, vectors.shape[2])
        logits: Tensor = self.dense(vectors, clicks, torch.zeros(rows, 0, dtype=torch.bool))
        return logits


def windows(path: Path) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for part in pq.ParquetFile(path).iter_batches(WINDOW):
        codes = np.stack([part[field].to_numpy() for field in FIELDS], axis=1)
        yield codes, part["label"].to_numpy()


def train(ranker: TorchRecRanker, optimizer: torch.optim.Optimizer, path: Path) -> int:
    generator, trained = np.random.default_rng(ranker.options.seed), 0
    for codes, labels in windows(path):
        batches = -(-len(labels) // ranker.options.batch_size)
        for batch in np.array_split(generator.permutation(len(labels)), batches):
            logits = ranker(codes[batch])
            loss = binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[batch]))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        trained += len(labels)
    return trained


@torch.no_grad()
def held_out_auc(ranker: TorchRecRanker, path: Path) -> float:
    (codes, labels), *_ = windows(path)
    parts = [ranker(codes[start : start + 8192]).numpy() for start in range(0, len(codes), 8192)]
    return float(roc_auc_score(labels, np.concatenate(parts)))


def main() -> None:
    options = measure.contestant().parse_args()
    torch.set_num_threads(options.threads)
    ranker = TorchRecRanker(LogOptions(vocabulary=options.vocabulary).sizes, options.seed)
    optimizer = torch.optim.AdamW(
        ranker.dense.parameters(), lr=ranker.options.dense_rate, weight_decay=0.0
    )
    train(ranker, optimizer, options.folder / "warm.parquet")
    rows, seconds, cpu = measure.timed(
        lambda: train(ranker, optimizer, options.folder / "train.parquet")
    )
    measure.report(rows, seconds, cpu, held_out_auc(ranker, options.folder / "eval.parquet"))


if __name__ == "__main__":
    main()
