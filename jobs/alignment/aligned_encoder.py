"""An aligned encoder: a content encoder, the projection of its states, and perhaps an adaptor.

It is stored as one flat partition: the files of the encoder, a file of the further weights, and
``alignment.json``.
"""

from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import normalize

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs
from jobs.alignment.encoders.registry import load_encoder, save_encoder
from jobs.lake import Attempt, Lake, Manifest
from jobs.lake.addresses import encoder_partition
from jobs.ranker.model.device import SMALL_STEP, default_device, deterministic, single_thread
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

PROJECTION = "projection.safetensors"
DESCRIPTION = "alignment.json"
_ITEMS_AT_ONCE = 256


class Adaptor(nn.Module):
    """Changes aligned vectors so that the ranker predicts clicks better from them.

    It adds the output of a small network to a vector. Untrained, it changes nothing.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        """Make an untrained adaptor.

        Args:
            dim: Length of a vector.
            hidden: Width of the hidden layer.
        """
        super().__init__()
        self.hidden = hidden
        last = nn.Linear(hidden, dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), last)

    def forward(self, vectors: Tensor) -> Tensor:
        """Change vectors, (items, dim)."""
        changed: Tensor = vectors + self.layers(vectors)
        return changed


class AlignedEncoder(nn.Module):
    """Turns the content of items into vectors that behave like preference data.

    Attributes:
        encoder: The content encoder.
        projection: From its states to vectors of ``dim``.
        adaptor: None unless one was trained.
        placement: From vectors to the space of the ranker's item embeddings, in which they can
            stand in for them; None where the preference data is of another space.
    """

    def __init__(
        self,
        encoder: ContentEncoder,
        dim: int,
        adaptor: Adaptor | None = None,
        placement: nn.Linear | None = None,
    ) -> None:
        """Put an untrained projection on an encoder.

        Args:
            encoder: The encoder.
            dim: Length of a projected vector.
            adaptor: Applied to the vectors.
            placement: Applied after it.
        """
        super().__init__()
        self.encoder = encoder
        self.projection = nn.Linear(encoder.width, dim)
        self.adaptor = adaptor
        self.placement = placement

    @property
    def dim(self) -> int:
        return self.projection.out_features

    @property
    def length(self) -> int:
        """Length of the vectors that it gives."""
        return self.dim if self.placement is None else self.placement.out_features

    @property
    def device(self) -> torch.device:
        return self.projection.weight.device

    @property
    def is_small(self) -> bool:
        """Whether a second thread costs more than it saves, see ``SMALL_STEP``."""
        looked_up = {
            id(module.weight)
            for module in self.modules()
            if isinstance(module, nn.Embedding | nn.EmbeddingBag)
        }
        weights = sum(one.numel() for one in self.parameters() if id(one) not in looked_up)
        return weights * _ITEMS_AT_ONCE < SMALL_STEP

    def unit_vectors(self, states: Tensor) -> Tensor:
        """Project states, (items, width), to vectors of length 1, (items, dim)."""
        return normalize(self.projection(states.float()), dim=1)

    def vectors(self, content: pa.Table) -> NDArray[np.float32]:
        """Compute the vectors of items in fp32; the same items give the same bits.

        Args:
            content: ``item_id`` and columns of content.

        Returns:
            float32, (items, length). Unit vectors unless there is an adaptor or a placement.
        """
        self.eval()
        parts = [np.empty((0, self.length), np.float32)]
        with deterministic(), single_thread(self.is_small), torch.inference_mode():
            for start in range(0, len(content), _ITEMS_AT_ONCE):
                inputs = self.encoder.inputs(content.slice(start, _ITEMS_AT_ONCE))
                vectors = self.unit_vectors(self.encoder.states(on_device(inputs, self.device)))
                if self.adaptor is not None:
                    vectors = self.adaptor(vectors)
                if self.placement is not None:
                    vectors = self.placement(vectors)
                parts.append(vectors.cpu().numpy())
        return np.concatenate(parts)


def on_device(inputs: Inputs, device: torch.device) -> dict[str, Tensor]:
    """Copy inputs of an encoder to a device."""
    return {name: values.to(device, non_blocking=True) for name, values in inputs.items()}


def write_encoder(attempt: Attempt, aligned: AlignedEncoder, day: date) -> None:
    """Write an aligned encoder to an attempt. Equal encoders give equal bytes.

    Args:
        attempt: Publishes it.
        aligned: The encoder.
        day: Day S, as of whose start it is aligned.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_encoder(aligned.encoder, Path(folder))
        for file in sorted(Path(folder).iterdir()):
            attempt.write_bytes(file.name, file.read_bytes())
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in aligned.state_dict().items()
        if not name.startswith("encoder.")
    }
    attempt.write_bytes(PROJECTION, save(tensors))
    adaptor = None if aligned.adaptor is None else aligned.adaptor.hidden
    placement = None if aligned.placement is None else aligned.placement.out_features
    description = {
        "aligned_at": day.isoformat(),
        "dim": aligned.dim,
        "adaptor_hidden": adaptor,
        "placed_in": placement,
    }
    attempt.write_bytes(DESCRIPTION, (json.dumps(description, sort_keys=True) + "\n").encode())


def require_encoder(lake: Lake, scenario: Scenario, preference: str, day: date) -> Manifest:
    """The manifest of the encoder that was aligned as of a day.

    Raises:
        InputError: If there is none; the message names the command that aligns it.
    """
    later = day + timedelta(days=1)
    command = lis_command("align", scenario, preference=preference, aligned_at=day, as_of=later)
    return lake.require(encoder_partition(scenario, preference, day), f"run {command} first")


def read_encoder(lake: Lake, scenario: Scenario, preference: str, day: date) -> AlignedEncoder:
    """Load the encoder that was aligned as of a day, on the default device.

    Raises:
        InputError: If it is not published, or its pretrained model is not the one that it was
            aligned from.
    """
    manifest = require_encoder(lake, scenario, preference, day)
    partition = encoder_partition(scenario, preference, day)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in manifest.files:
            with lake.local_file(partition, file.name) as path:
                (folder / file.name).write_bytes(path.read_bytes())
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        encoder = load_encoder(folder, scenario)
        dim, hidden = description["dim"], description["adaptor_hidden"]
        placed_in = description["placed_in"]
        aligned = AlignedEncoder(
            encoder,
            dim,
            None if hidden is None else Adaptor(dim, hidden),
            None if placed_in is None else nn.Linear(dim, placed_in),
        )
        weights = load_file(folder / PROJECTION)
    aligned.load_state_dict(
        {**{f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}, **weights}
    )
    return aligned.to(default_device())
