"""A day of training by several processes, the rows of the embedding table dealt out by TorchRec.

Each process holds an equal run of rows on its device, trains on an equal part of every batch, and
the gradients of all parts are summed. So it is the training of one process up to rounding, as if
the rows of a batch stood in another order. Checkpoints are of one kind: a lineage may be taken up
again by any number of processes.

On the host, the leader alone holds the whole table. It deals the rows out as a day begins and
gathers them as it ends. The others hold there what looks up ids: vocabularies and counts.

A network of the user's own sees only its process's part of a batch: layers that normalise by the
batch do so by that part, and the running means of the leader's part are stored.
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
from jobs.ranker.distributed.table_shard import HOST, Shard, require_shardable
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.custom_network import seeded
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows
from jobs.ranker.training.train_day import TrainDay, train_day
from jobs.ranker.training.train_step import Step, logits, on_device
from jobs.scenarios import RankerOptions, Scenario


@contextmanager
def lead(processes: Processes, options: RankerOptions) -> Iterator[TrainDay]:
    """What trains the leader's rankers, which lie on ``HOST``, on a day together with the others.

    Raises:
        InputError: several processes cannot train an embedding of this dimension.
    """
    others_wait = True

    def train(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> int:
        nonlocal others_wait
        processes.name_day(day)
        others_wait = False
        rows = _train_day(processes, ranker, lake, scenario, day)
        others_wait = True
        return rows

    try:
        require_shardable(options)
        yield train
    finally:
        # After a failure amid a day they are elsewhere: torchrun ends them.
        if others_wait:
            processes.name_day(None)


def follow(processes: Processes, lake: Lake, scenario: Scenario) -> list[date]:
    """Train on the days that the leader names, until there are no more; return these days."""
    days: list[date] = []
    while (day := processes.named_day()) is not None:
        if not days:
            # Published already: the leader trains on from it too.
            ranker = read_checkpoint(lake, scenario, day, HOST, vectors=False)
        _train_day(processes, ranker, lake, scenario, day)
        days.append(day)
    return days


def _train_day(
    processes: Processes, ranker: Ranker, lake: Lake, scenario: Scenario, day: date
) -> int:
    # Each process drops units of its own rows where a network has dropout.
    seed = (ranker.options.seed, day.toordinal(), processes.rank)
    with seeded(*seed, device=processes.device):
        return train_day(ranker, lake, scenario, day, partial(_dealt_out, processes))


@contextmanager
def _dealt_out(processes: Processes, ranker: Ranker) -> Iterator[Step]:
    """The ranker on the processes' devices, back on the host after the block."""
    shard = Shard(processes, ranker.table, ranker.options)
    _move(ranker, processes.device)
    yield partial(_train_part, processes, shard)
    _move(ranker, HOST)
    shard.gather(ranker.table)


def _move(ranker: Ranker, device: torch.device) -> None:
    """The dense part and its moments; the table stays on the host."""
    ranker.network.to(device)
    for parameter, state in ranker.optimizer.state.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            state[moment] = state[moment].to(parameter.device)
    ranker.device = device


def _train_part(
    processes: Processes,
    shard: Shard,
    ranker: Ranker,
    rows: EncodedRows,
    numbers: NDArray[np.int64],
) -> None:
    """The step on this process's part of a batch. The loss is the mean over the whole batch."""
    part = np.array_split(numbers, processes.count)[processes.rank]
    # Networks need not bear a batch without rows: it is given one that weighs nothing.
    batch = on_device(ranker, rows, part if len(part) else numbers[:1])
    scores = logits(ranker, batch, shard.vectors(batch.index))
    losses = binary_cross_entropy_with_logits(scores, batch.labels, reduction="sum")
    ranker.optimizer.zero_grad()
    torch.autograd.backward(losses * (bool(len(part)) / len(numbers)))
    _sum_gradients(ranker.network)
    ranker.optimizer.step()


def _sum_gradients(network: nn.Module) -> None:
    """Over all processes. A parameter without a gradient in any of them keeps none."""
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
