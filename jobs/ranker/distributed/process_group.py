"""The group of processes, started by torchrun, that train one lineage together.

Rank 0 is the leader: it alone decides which days to train, validates, publishes and logs. The other
ranks are followers: they train each day that the leader announces. If one process fails, torchrun
ends all of them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from jobs.common.errors import InputError

# Torch is imported where it is used: callers of ``is_leader`` alone should not wait for it.
if TYPE_CHECKING:
    import torch
    from torch.distributed import ProcessGroup

_SET_BY_TORCHRUN = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_TIMEOUT = timedelta(hours=2)
"""Timeout of collectives: longer than the leader takes to validate or publish a large ranker."""
_NO_MORE_DAYS = 0


@dataclass(frozen=True)
class Processes:
    """This process within the group of processes that train together.

    Attributes:
        rank: From 0, the leader, to ``count`` - 1.
        count: Number of processes.
        device: Where this process computes.
        host: Process group for tensors in host memory.
    """

    rank: int
    count: int
    device: torch.device
    host: ProcessGroup

    def announce_day(self, day: date | None) -> None:
        """On the leader: announce the next day to train on, or None when there are no more."""
        self._broadcast(_NO_MORE_DAYS if day is None else day.toordinal())

    def next_day(self) -> date | None:
        """On a follower: wait for the leader to announce a day; None when there are no more."""
        ordinal = self._broadcast(_NO_MORE_DAYS)
        return None if ordinal == _NO_MORE_DAYS else date.fromordinal(ordinal)

    def _broadcast(self, value_of_leader: int) -> int:
        import torch
        import torch.distributed as dist

        value = torch.tensor(value_of_leader)
        dist.broadcast(value, src=0, group=self.host)
        return int(value)


def process_count() -> int:
    """Number of processes that torchrun has started; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_leader() -> bool:
    """Whether this process is the leader; a single process always is."""
    return process_count() == 1 or os.environ.get("RANK", "0") == "0"


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the process group for the length of the block: NCCL if there is CUDA, else gloo.

    Raises:
        InputError: If torchrun has not started this process, or if there are too few GPUs.
    """
    import torch
    import torch.distributed as dist

    missing = [name for name in _SET_BY_TORCHRUN if name not in os.environ]
    if missing:
        raise InputError(
            f"WORLD_SIZE is {process_count()} but {missing[0]} is not set: start the command with "
            "torchrun --nproc-per-node N -m jobs train, or unset WORLD_SIZE"
        )
    device, backend = torch.device("cpu"), "gloo"
    if torch.cuda.is_available():
        device, backend = torch.device("cuda", int(os.environ["LOCAL_RANK"])), "nccl"
        if device.index >= torch.cuda.device_count():
            raise InputError(
                f"torchrun started {os.environ['LOCAL_WORLD_SIZE']} processes on a machine with "
                f"{torch.cuda.device_count()} GPUs: set --nproc-per-node to the number of GPUs"
            )
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=_TIMEOUT)
    host = dist.new_group(backend="gloo", timeout=_TIMEOUT)
    assert host is not None
    yield Processes(dist.get_rank(), dist.get_world_size(), device, host)
    # Skipped after a failure, when the others may be waiting for this process: torchrun ends them.
    dist.destroy_process_group()


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Suppress log records up to INFO: FBGEMM logs its options to the root logger everywhere."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
