"""A process's share of the embedding table, trained by TorchRec. The only file that needs it."""

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
from jobs.ranker.distributed.process_group import Processes, quiet
from jobs.ranker.model.embedding_table import ADAGRAD_EPSILON, UNKNOWN_ROW, EmbeddingTable
from jobs.scenarios import RankerOptions

HOST = torch.device("cpu")
_ROWS = "rows"
_LANES = 4


def require_shardable(options: RankerOptions) -> None:
    """Raise InputError where FBGEMM has no kernel for the embedding's dimension."""
    if options.embedding_dim % _LANES:
        raise InputError(
            f"ranker.embedding_dim is {options.embedding_dim}, but several processes train only "
            f"multiples of {_LANES}: change it, or train without torchrun"
        )


class Shard:
    """This process's run of the rows of the stacked table, as TorchRec trains it.

    Runs are of equal length, so the last ones may end in rows that no id has.
    """

    def __init__(self, processes: Processes, table: EmbeddingTable, options: RankerOptions) -> None:
        """Receive the run from the leader; all processes call this together."""
        self.processes = processes
        self.length = -(-len(table.updates) // processes.count)
        config = EmbeddingConfig(
            name=_ROWS,
            feature_names=[_ROWS],
            num_embeddings=self.length * processes.count,
            embedding_dim=options.embedding_dim,
        )
        with quiet():
            self.collection = _sharded(config, options, processes.device)
        name, embeddings = next(iter(self.collection.state_dict().items()))
        states = self.collection.fused_optimizer.state_dict()["state"][name]
        self.embedding: Tensor = embeddings.local_tensor()
        self.accumulator: Tensor = states[f"{_ROWS}.momentum1"].local_tensor()
        self._deal(table.embedding, self.embedding)
        self._deal(table.accumulator, self.accumulator)

    def vectors(self, index: Tensor) -> Tensor:
        """Embeddings of stacked rows of any shape; backward trains them, wherever they lie."""
        # So the unknown row comes first, and the others are each asked for once.
        asked = torch.cat([index.new_tensor([UNKNOWN_ROW]), index.flatten()])
        rows, inverse = torch.unique(asked, return_inverse=True)
        known = rows[1:]
        features = KeyedJaggedTensor.from_lengths_sync(
            keys=[_ROWS], values=known, lengths=known.new_tensor([len(known)])
        )
        found = self.collection(features).wait()[_ROWS].values()
        unknown_first = pad(found, (0, 0, 1, 0))
        return embedding(inverse[1:], unknown_first).view(*index.shape, -1)

    def gather(self, table: EmbeddingTable) -> None:
        """Give the leader's table what was learnt; all processes call this together."""
        embeddings, accumulators = self._gathered(self.embedding), self._gathered(self.accumulator)
        if embeddings is not None and accumulators is not None:
            rows = len(table.updates)
            table.embedding, table.accumulator = embeddings[:rows], accumulators[:rows]

    @torch.no_grad()
    def _deal(self, whole: Tensor, own: Tensor) -> None:
        """Fill ``own`` from the leader's ``whole``; that of the others is not looked at."""
        received, runs = torch.empty_like(own, device=HOST), None
        if self.processes.rank == 0:
            starts = range(0, self.length * self.processes.count, self.length)
            runs = [_lengthened(whole[start : start + self.length], received) for start in starts]
        dist.scatter(received, runs, group=self.processes.host)
        own.copy_(received)

    @torch.no_grad()
    def _gathered(self, own: Tensor) -> Tensor | None:
        """The runs of all processes for the leader, None for the others."""
        whole, runs = None, None
        if self.processes.rank == 0:
            whole = torch.empty(self.length * self.processes.count, *own.shape[1:])
            runs = list(torch.split(whole, self.length))
        dist.gather(own.to(HOST), runs, group=self.processes.host)
        return whole


def _sharded(config: EmbeddingConfig, options: RankerOptions, device: torch.device) -> Any:
    """A collection of this one table, an equal run of its rows in each process."""
    # Each process has its share of one loss, so gradients are to be summed and not averaged.
    set_gradient_division(False)
    collection = EmbeddingCollection([config], device=torch.device("meta"))
    sharder = EmbeddingCollectionSharder(
        {
            "optimizer": EmbOptimType.EXACT_ROWWISE_ADAGRAD,
            "learning_rate": options.embedding_rate,
            "eps": ADAGRAD_EPSILON,
            "weight_decay": options.embedding_decay,
            "weight_decay_mode": WeightDecayMode.L2,
        }
    )
    plan = construct_module_sharding_plan(
        collection,
        # Only the fused kernel updates rows without a gradient of the whole table.
        {config.name: row_wise(compute_kernel=EmbeddingComputeKernel.FUSED.value)},
        sharder=sharder,
        device_type=device.type,
    )
    everyone = ShardingEnv.from_process_group(dist.group.WORLD)
    return sharder.shard(collection, plan, everyone, device)


def _lengthened(run: Tensor, like: Tensor) -> Tensor:
    """The run with zeros after it where it is shorter."""
    if len(run) == len(like):
        return run
    longer = torch.zeros_like(like)
    longer[: len(run)] = run
    return longer
