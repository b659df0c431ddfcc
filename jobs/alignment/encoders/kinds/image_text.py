"""An image encoder fused late with a text encoder: their states side by side.

Without a ``model`` and an ``image_model`` they are those of the extra ``encoders``: MiniLM and
EfficientNet-Lite0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs
from jobs.alignment.encoders.kinds.text import TextEncoder
from jobs.alignment.encoders.picture_towers import (
    EFFICIENTNET,
    PictureTower,
    new_tower,
    restored_tower,
)
from jobs.alignment.encoders.pictures import Pictures
from jobs.alignment.encoders.pixels import picture_inputs
from jobs.alignment.encoders.pretrained import Pretrained, frozen_names, require_extra
from jobs.scenarios.alignment_options import EncoderOptions

_TEXT_MODEL = "minilm"


class ImageTextEncoder(ContentEncoder):
    """Two encoders that were trained apart."""

    def __init__(self, text: TextEncoder, tower: PictureTower, pictures: Pictures) -> None:
        """Put two encoders side by side.

        Args:
            text: Encodes texts.
            tower: Encodes pictures.
            pictures: Opens the pictures of items.
        """
        super().__init__()
        self.text = text
        self.picture = tower.module
        self._tower, self._pictures = tower, pictures
        self.missing_picture = nn.Parameter(torch.zeros(tower.width))
        self.width = text.width + tower.width
        self.pretrained = frozen_names(self)

    @classmethod
    def new(cls, options: EncoderOptions, sample: pa.Table, pictures: Pictures) -> Self:
        """See ``ContentEncoder.new``."""
        require_extra("image_text")
        base = Pretrained.load(options.model or _TEXT_MODEL, options.lora_rank)
        tower = new_tower(options.image_model or EFFICIENTNET, options.lora_rank)
        return cls(TextEncoder(base, options.max_tokens), tower, pictures)

    @classmethod
    def restore(
        cls, settings: Mapping[str, Any], folder: Path, options: EncoderOptions, pictures: Pictures
    ) -> Self:
        """See ``ContentEncoder.restore``."""
        require_extra("image_text")
        text = settings["text"]
        base = Pretrained.restore(text["base"], options.model or _TEXT_MODEL, folder)
        tower = restored_tower(settings["picture"], folder, options.image_model or EFFICIENTNET)
        return cls(TextEncoder(base, text["max_tokens"]), tower, pictures)

    def inputs(self, items: pa.Table) -> Inputs:
        """See ``ContentEncoder.inputs``.

        Returns:
            Those of ``TextEncoder`` and, where any item has a picture, of ``picture_inputs``.
        """
        pictures = picture_inputs(self._pictures.open(items), self._tower.read)
        return {**self.text.inputs(items), **pictures}

    def states(self, inputs: Inputs) -> Tensor:
        """See ``ContentEncoder.states``."""
        # On one scale, or the states of one model would drown those of the other.
        texts = layer_norm(self.text.states(inputs), [self.text.width])
        pictures = self.missing_picture.expand(len(texts), -1)
        has_picture = inputs.get("has_picture")
        if has_picture is not None and has_picture.any():
            seen = self._tower.states(inputs["pixels"][has_picture])
            seen = layer_norm(seen, [self._tower.width])
            pictures = pictures.index_put((has_picture.nonzero()[:, 0],), seen)
        return torch.cat([texts, pictures], dim=1)

    def settings(self) -> dict[str, Any]:
        """See ``ContentEncoder.settings``."""
        return {"text": self.text.settings(), "picture": self._tower.settings()}

    def save_files(self, folder: Path) -> None:
        """See ``ContentEncoder.save_files``."""
        self.text.save_files(folder)
        self._tower.save_files(folder)

    def train(self, mode: bool = True) -> Self:
        """Leave both as they are: see ``Pretrained.model``."""
        super().train(mode)
        self.picture.eval()
        return self


ENCODER = ImageTextEncoder
