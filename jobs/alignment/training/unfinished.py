"""The state of a training after each epoch, so that one that was killed goes on to the same bits.

It lies in one file of the lake's work folder and is removed once the encoder is published. Random
numbers of an epoch are drawn from seeds of the epoch, so their state need not be stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from jobs.lake import Partition
from jobs.lake.manifest import digest_of
from jobs.lake.read_check import read_work_file, write_work_file
from jobs.lake.storage import Storage

UNFINISHED = "_unfinished"
_ABOUT = "about"


@dataclass
class TrainingState:
    """Everything that an epoch changes.

    Attributes:
        weights: By name.
        moments: State of the optimizer, by name of the weight and of the moment.
        best: The weights of the best epoch so far.
        epochs: Figures of each epoch so far.
    """

    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    best: dict[str, Tensor]
    epochs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class UnfinishedTraining:
    """Where the state of the training of one partition is kept.

    Attributes:
        storage: The lake's.
        partition: What will be published.
        inputs: Digests that the state belongs to; with others it is not read.
    """

    storage: Storage
    partition: Partition
    inputs: Mapping[str, str]

    @property
    def path(self) -> str:
        """The file, relative to the lake."""
        return f"{unfinished_folder(self.partition)}/state.safetensors"

    def save(self, state: TrainingState) -> None:
        """Replace the stored state, all at once."""
        tensors = {
            f"{part}/{name}": tensor.detach().cpu().contiguous()
            for part in ("weights", "moments", "best")
            for name, tensor in getattr(state, part).items()
        }
        about = {"inputs": dict(self.inputs), "epochs": state.epochs, "torch": torch.__version__}
        tensors[_ABOUT] = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
        write_work_file(self.storage, self.path, save(tensors))

    def load(self) -> TrainingState | None:
        """Read the stored state; None if there is none, it is damaged, or of other inputs."""
        content = read_work_file(self.storage, self.path)
        if content is None:
            return None
        tensors = load(content)
        about = json.loads(bytes(tensors.pop(_ABOUT).tolist()))
        if about["inputs"] != dict(self.inputs) or about["torch"] != torch.__version__:
            return None
        state = TrainingState({}, {}, {}, about["epochs"])
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            getattr(state, part)[rest] = tensor
        return state

    def remove(self) -> None:
        """Remove the stored state, if there is one."""
        self.storage.remove(unfinished_folder(self.partition))


def unfinished_folder(partition: Partition) -> str:
    """The folder for the work on a partition that is not published yet, relative to the lake."""
    return f"{UNFINISHED}/{digest_of(partition.path)[:32]}"
