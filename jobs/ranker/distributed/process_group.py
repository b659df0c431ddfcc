"""The processes that train one lineage together, as torchrun starts them.

The first of them leads: it alone decides which days are trained, validates, publishes and speaks.
The others follow: they train each day that it names. If one fails, torchrun ends all.
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

# Torch is imported on use: whoever asks only whether this process leads shall not wait for it.
if TYPE_CHECKING:
    import torch
    from torch.distributed import ProcessGroup

_SET_BY_TORCHRUN = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(hours=2)
"""More than the leader takes to validate, read or publish the largest of rankers."""
_NO_MORE = 0


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    rank: from 0, which leads, to ``count`` - 1. device: where it computes. host: the group that
    exchanges what lies in the host's memory.
    """

    rank: int
    count: int
    device: torch.device
    host: ProcessGroup

    def name_day(self, day: date | None) -> None:
        """Lead: name the next day to train on, or None when there are no more."""
        self._shared(_NO_MORE if day is None else day.toordinal())

    def named_day(self) -> date | None:
        """Follow: wait for the leader to name a day."""
        ordinal = self._shared(_NO_MORE)
        return None if ordinal == _NO_MORE else date.fromordinal(ordinal)

    def _shared(self, leaders: int) -> int:
        import torch
        import torch.distributed as dist

        value = torch.tensor(leaders)
        dist.broadcast(value, src=0, group=self.host)
        return int(value)


def process_count() -> int:
    """How many processes torchrun has started to train together; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_leader() -> bool:
    """Whether this process leads, as one that is alone does."""
    return process_count() == 1 or os.environ.get("RANK", "0") == "0"


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the other processes, by NCCL where there is CUDA, else by gloo.

    Raises:
        InputError: torchrun has not started this process, or there are too few GPUs.
    """
    import torch
    import torch.distributed as dist

    missing = [name for name in _SET_BY_TORCHRUN if name not in os.environ]
    if missing:
        raise InputError(
            f"WORLD_SIZE is {process_count()} but {missing[0]} is not set: start the command by "
            "torchrun --nproc-per-node N -m jobs train, or unset WORLD_SIZE"
        )
    device, backend = torch.device("cpu"), "gloo"
    if torch.cuda.is_available():
        device, backend = torch.device("cuda", int(os.environ["LOCAL_RANK"])), "nccl"
        if device.index >= torch.cuda.device_count():
            raise InputError(
                f"torchrun started {os.environ['LOCAL_WORLD_SIZE']} processes on a machine of "
                f"{torch.cuda.device_count()} GPUs: give --nproc-per-node the number of GPUs"
            )
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=_PATIENCE)
    host = dist.new_group(backend="gloo", timeout=_PATIENCE)
    assert host is not None
    yield Processes(dist.get_rank(), dist.get_world_size(), device, host)
    # Not after a failure: the others may be waiting for this one then, and torchrun ends them.
    dist.destroy_process_group()


@contextmanager
def quiet() -> Iterator[None]:
    """FBGEMM tells the root logger what it loads and all its options, in every process."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
