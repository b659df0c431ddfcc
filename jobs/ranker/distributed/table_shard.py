"""One process's shard of the embedding table, trained by TorchRec.

The only module that imports TorchRec.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_training import WeightDecayMode
from torch import Tensor
from torch.nn.functional import embedding, pad
from torchrec.distributed.comm_ops import set_gradient_division
from torchrec.distributed.embedding import EmbeddingCollectionSharder
from torchrec.distributed.embedding_types import EmbeddingComputeKernel
from torchrec.distributed.sharding_plan import construct_module_sharding_plan, row_wise
from torchrec.distributed.types import ShardingEnv
from torchrec.modules.embedding_configs import EmbeddingConfig
from torchrec.modules.embedding_modules import EmbeddingCollection
from torchrec.sparse.jagged_tensor import KeyedJaggedTensor

from jobs.common.errors import InputError
from jobs.ranker.distributed.process_group import Processes, quiet_logging
from jobs.ranker.model.embedding_table import ADAGRAD_EPSILON, UNKNOWN_ROW, EmbeddingTable
from jobs.ranker.model.training_settings import TrainingSettings
from jobs.scenarios import RankerOptions

HOST = torch.device("cpu")
_ROWS = "rows"
_LANES = 4


def require_shardable(options: RankerOptions) -> None:
    """Check that FBGEMM has a kernel for the embedding dimension.

    Raises:
        InputError: If the dimension is not a multiple of four.
    """
    if options.embedding_dim % _LANES:
        raise InputError(
            f"ranker.embedding_dim is {options.embedding_dim}: several processes need a multiple "
            f"of {_LANES}; change it, or train without torchrun"
        )


class TableShard:
    """This process's shard of the stacked table: a contiguous range of its rows.

    All shards have the same length, so the last ones may end in rows that belong to no id.
    """

    def __init__(
        self,
        processes: Processes,
        table: EmbeddingTable,
        options: RankerOptions,
        settings: TrainingSettings,
    ) -> None:
        """Receive the shard from the leader. Collective: all processes must call it.

        Args:
            processes: The process group.
            table: The table; only the leader's embeddings are read.
            options: The scenario's ranker options.
            settings: Learning rate and penalty of the day.
        """
        self.processes = processes
        self.length = -(-len(table.updates) // processes.count)
        config = EmbeddingConfig(
            name=_ROWS,
            feature_names=[_ROWS],
            num_embeddings=self.length * processes.count,
            embedding_dim=options.embedding_dim,
        )
        with quiet_logging():
            self.collection = _sharded(config, settings, processes.device)
        name, embeddings = next(iter(self.collection.state_dict().items()))
        states = self.collection.fused_optimizer.state_dict()["state"][name]
        self.embedding: Tensor = embeddings.local_tensor()
        self.accumulator: Tensor = states[f"{_ROWS}.momentum1"].local_tensor()
        self._scatter(table.embedding, self.embedding)
        self._scatter(table.accumulator, self.accumulator)

    def vectors(self, index: Tensor) -> Tensor:
        """Look up embeddings in all shards; the backward pass trains them there.

        Args:
            index: Stacked rows, of any shape.

        Returns:
            float32, (*index.shape, dim).
        """
        # With the unknown row put in front it comes first, and every other row is looked up once.
        with_unknown = torch.cat([index.new_tensor([UNKNOWN_ROW]), index.flatten()])
        distinct, inverse = torch.unique(with_unknown, return_inverse=True)
        rows = distinct[1:]
        features = KeyedJaggedTensor.from_lengths_sync(
            keys=[_ROWS], values=rows, lengths=rows.new_tensor([len(rows)])
        )
        vectors = self.collection(features).wait()[_ROWS].values()
        unknown_first = pad(vectors, (0, 0, 1, 0))
        return embedding(inverse[1:], unknown_first).view(*index.shape, -1)

    def gather(self, table: EmbeddingTable) -> None:
        """Copy all shards into the leader's table. Collective: all processes must call it."""
        embeddings, accumulators = self._gathered(self.embedding), self._gathered(self.accumulator)
        if embeddings is not None and accumulators is not None:
            rows = len(table.updates)
            table.embedding, table.accumulator = embeddings[:rows], accumulators[:rows]

    @torch.no_grad()
    def _scatter(self, whole: Tensor, shard: Tensor) -> None:
        """Fill this process's ``shard`` from the leader's ``whole`` tensor."""
        received, shards = torch.empty_like(shard, device=HOST), None
        if self.processes.rank == 0:
            starts = range(0, self.length * self.processes.count, self.length)
            parts = [whole[start : start + self.length] for start in starts]
            shards = [_zero_padded(part, received) for part in parts]
        dist.scatter(received, shards, group=self.processes.host)
        shard.copy_(received)

    @torch.no_grad()
    def _gathered(self, shard: Tensor) -> Tensor | None:
        """Return the shards of all processes, concatenated, on the leader; None on the others."""
        whole, shards = None, None
        if self.processes.rank == 0:
            whole = torch.empty(self.length * self.processes.count, *shard.shape[1:])
            shards = list(torch.split(whole, self.length))
        dist.gather(shard.to(HOST), shards, group=self.processes.host)
        return whole


def _sharded(config: EmbeddingConfig, settings: TrainingSettings, device: torch.device) -> Any:
    """An embedding collection of one table, sharded by rows over all processes."""
    # Each process computes a part of one loss, so gradients must be summed, not averaged.
    set_gradient_division(False)
    collection = EmbeddingCollection([config], device=torch.device("meta"))
    sharder = EmbeddingCollectionSharder(
        {
            "optimizer": EmbOptimType.EXACT_ROWWISE_ADAGRAD,
            "learning_rate": settings.embedding_rate,
            "eps": ADAGRAD_EPSILON,
            "weight_decay": settings.embedding_decay,
            "weight_decay_mode": WeightDecayMode.L2,
        }
    )
    plan = construct_module_sharding_plan(
        collection,
        # Only the fused kernel updates rows without materialising a gradient of the whole table.
        {config.name: row_wise(compute_kernel=EmbeddingComputeKernel.FUSED.value)},
        sharder=sharder,
        device_type=device.type,
    )
    environment = ShardingEnv.from_process_group(dist.group.WORLD)
    return sharder.shard(collection, plan, environment, device)


def _zero_padded(rows: Tensor, like: Tensor) -> Tensor:
    """Return the rows with zeros appended up to the length of ``like``."""
    if len(rows) == len(like):
        return rows
    padded = torch.zeros_like(like)
    padded[: len(rows)] = rows
    return padded
