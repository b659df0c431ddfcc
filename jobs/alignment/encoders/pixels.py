"""Pictures as pixels, by the processor of a pretrained model in its form for Pillow.

Each picture of a batch becomes equally many numbers, so that the first dimension of a tensor is the
items: where a model takes pictures of any size, they are first brought to one square size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from jobs.common.errors import InputError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

_MERGED_PATCHES = 8
"""Pictures of any size become squares of 8 by 8 tokens, as large as 224 pixels for Qwen."""


class PixelReader:
    """Turns pictures into the pixels that a model takes.

    Attributes:
        grid: Patches of a picture in time, height and width; None if the model does not ask.
    """

    def __init__(self, folder: Path) -> None:
        """Load a processor.

        Args:
            folder: Of the pretrained model, or of a stored encoder.

        Raises:
            InputError: If there is none that can be used.
        """
        from transformers import AutoImageProcessor

        try:
            self._processor: Any = AutoImageProcessor.from_pretrained(
                folder, backend="pil", local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise InputError(
                f"{folder}: has no processor of pictures that works with Pillow "
                f"(preprocessor_config.json): {first_line(error)}"
            ) from error
        self._options: dict[str, Any] = {}
        self._side: int | None = None
        self.grid: Tensor | None = None
        if hasattr(self._processor, "merge_size"):
            side = self._processor.patch_size * self._processor.merge_size * _MERGED_PATCHES
            pixels = side * side
            self._side = side
            self._options["size"] = {"shortest_edge": pixels, "longest_edge": pixels}
        if hasattr(self._processor, "crop_to_patches"):
            self._options["crop_to_patches"] = False

    def save(self, folder: Path) -> None:
        """Write the processor's settings."""
        self._processor.save_pretrained(folder)

    def read(self, pictures: Sequence[Image]) -> Tensor:
        """Pixels of pictures, (pictures, …)."""
        if self._side is not None:
            pictures = [picture.resize((self._side, self._side)) for picture in pictures]
        read = self._processor(images=list(pictures), return_tensors="pt", **self._options)
        pixels: Tensor = read["pixel_values"].float()
        if "image_grid_thw" in read:
            self.grid = read["image_grid_thw"][:1]
            pixels = pixels.reshape(len(pictures), -1, *pixels.shape[1:])
        return pixels


def picture_inputs(
    pictures: Sequence[Image | None], read: Callable[[Sequence[Image]], Tensor]
) -> dict[str, Tensor]:
    """Read the pictures of items.

    Args:
        pictures: The picture of each item, None where it has none.
        read: Turns pictures into pixels, (pictures, …).

    Returns:
        ``pixels``, (items, …), 0 where an item has no picture, and ``has_picture``, (items,). Empty
        if no item has one.
    """
    given = [picture for picture in pictures if picture is not None]
    if not given:
        return {}
    has_picture = torch.tensor([picture is not None for picture in pictures])
    found = read(given)
    pixels = found.new_zeros(len(pictures), *found.shape[1:])
    pixels[has_picture] = found
    return {"pixels": pixels, "has_picture": has_picture}


def blank_picture() -> Image:
    """A black picture, for trying a model out."""
    from PIL import Image

    return Image.new("RGB", (64, 64))
