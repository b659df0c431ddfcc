"""Train a day in several processes, with the rows of the embedding table sharded by TorchRec.

Each process holds an equal shard of the table on its device and trains on an equal part of every
batch; the gradients of all parts are summed. Up to rounding this is the training of one process, as
if the rows of a batch came in another order. The checkpoint format is the same, so a lineage may be
continued by any number of processes.

In host memory, only the leader holds the whole table. It scatters the rows when a day begins and
gathers them when it ends. The followers keep only what looking up ids needs.

A custom network sees only its process's part of a batch: batch normalisation uses the statistics of
that part, and the running means of the leader's part are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.lake import Lake
from jobs.ranker.distributed.process_group import Processes
from jobs.ranker.distributed.table_shard import HOST, TableShard, require_shardable
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.custom_network import seeded
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows
from jobs.ranker.training.train_day import TrainDay, train_day
from jobs.ranker.training.train_step import TrainStep, load_batch, logits
from jobs.scenarios import RankerOptions, Scenario


@contextmanager
def lead(processes: Processes, options: RankerOptions) -> Iterator[TrainDay]:
    """On the leader: give the function that trains a day together with the followers.

    The rankers it trains are on ``HOST``.

    Raises:
        InputError: If several processes cannot train an embedding of this dimension.
    """
    followers_wait = True

    def train(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> int:
        nonlocal followers_wait
        processes.announce_day(day)
        followers_wait = False
        rows = _train_day(processes, ranker, lake, scenario, day)
        followers_wait = True
        return rows

    try:
        require_shardable(options)
        yield train
    finally:
        # After a failure within a day the followers are still training: torchrun ends them.
        if followers_wait:
            processes.announce_day(None)


def follow(processes: Processes, lake: Lake, scenario: Scenario) -> list[date]:
    """On a follower: train each day that the leader announces, and return these days."""
    days: list[date] = []
    while (day := processes.next_day()) is not None:
        if not days:
            # The leader continues from this checkpoint too, so it is published.
            ranker = read_checkpoint(lake, scenario, day, HOST, vectors=False)
        _train_day(processes, ranker, lake, scenario, day)
        days.append(day)
    return days


def _train_day(
    processes: Processes, ranker: Ranker, lake: Lake, scenario: Scenario, day: date
) -> int:
    # The rank is part of the seed so that dropout differs between the parts of a batch.
    seed = (ranker.options.seed, day.toordinal(), processes.rank)
    with seeded(*seed, device=processes.device):
        return train_day(ranker, lake, scenario, day, partial(_sharded_step, processes))


@contextmanager
def _sharded_step(processes: Processes, ranker: Ranker) -> Iterator[TrainStep]:
    """Distribute the ranker over the processes; after the block the leader has it back on host."""
    # Between days only the leader updates the wide part, and the deep part is trained beside it.
    dist.broadcast(ranker.network.wide, src=0, group=processes.host)
    shard = TableShard(processes, ranker.table, ranker.options, ranker.settings)
    _move(ranker, processes.device)
    yield partial(_train_part, processes, shard)
    _move(ranker, HOST)
    shard.gather(ranker.table)


def _move(ranker: Ranker, device: torch.device) -> None:
    """Move the dense part and its optimizer state; the table stays on the host."""
    ranker.network.to(device)
    for parameter, state in ranker.optimizer.state.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            state[moment] = state[moment].to(parameter.device)
    ranker.device = device


def _train_part(
    processes: Processes,
    shard: TableShard,
    ranker: Ranker,
    rows: EncodedRows,
    numbers: NDArray[np.int64],
) -> None:
    """Do the training step on this process's part of a batch.

    The loss is the mean over the whole batch.
    """
    part = np.array_split(numbers, processes.count)[processes.rank]
    # A network may not support empty batches, so an empty part becomes one row of weight zero.
    batch = load_batch(ranker, rows, part if len(part) else numbers[:1])
    vectors = shard.vectors(batch.index)
    # Embeddings are trained by the gradient of the summed loss: see ``EmbeddingTable``.
    vectors.register_hook(lambda gradient: gradient * len(numbers))  # type: ignore[no-untyped-call]
    scores = logits(ranker, batch, vectors)
    losses = binary_cross_entropy_with_logits(scores, batch.labels, reduction="sum")
    ranker.optimizer.zero_grad()
    torch.autograd.backward(losses * (bool(len(part)) / len(numbers)))
    _sum_gradients(ranker.network)
    ranker.optimizer.step()


def _sum_gradients(network: nn.Module) -> None:
    """Sum gradients over all processes.

    A parameter without a gradient in any process keeps none, so that the optimizer skips it.
    """
    parameters = list(network.parameters())
    used = [float(parameter.grad is not None) for parameter in parameters]
    gradients = [
        (torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in parameters
    ]
    summed = torch.cat([*gradients, gradients[0].new_tensor(used)])
    dist.all_reduce(summed)
    *parts, used_by = torch.split(summed, [*map(len, gradients), len(used)])
    for parameter, part, users in zip(parameters, parts, used_by.tolist(), strict=True):
        parameter.grad = part.view_as(parameter) if users else None
