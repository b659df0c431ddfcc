"""Any vision-language model of ``transformers`` that reads a picture and text.

A model that writes, such as InternVL or Qwen2.5-VL, reads the picture, then the text; the state is
that of a last token, which has seen both. A model with a tower for each, such as CLIP, gives a
state of the text and one of the picture, side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import torch
from torch import Tensor, nn

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs
from jobs.alignment.encoders.item_tokens import ItemTokenizer, without_padding
from jobs.alignment.encoders.pictures import Pictures
from jobs.alignment.encoders.pixels import PixelReader, blank_picture, picture_inputs
from jobs.alignment.encoders.pretrained import (
    Pretrained,
    frozen_names,
    require_extra,
)
from jobs.common.errors import InputError
from jobs.scenarios.alignment_options import EncoderOptions


class VisionLanguageEncoder(ContentEncoder):
    """A model that writes, or one of two towers."""

    def __init__(self, base: Pretrained, max_tokens: int, pictures: Pictures) -> None:
        """Wrap a model.

        Args:
            base: The model.
            max_tokens: Tokens of an item's text that are read.
            pictures: Opens the pictures of items.

        Raises:
            InputError: If the model does not read pictures and text in one of the two ways, or its
                tokenizer does not fit.
        """
        super().__init__()
        model = base.model
        self._image_token: int | None = getattr(model.config, "image_token_id", None)
        has_towers = hasattr(model, "get_text_features") and self._image_token is None
        if not hasattr(model, "get_image_features") or not (has_towers or self._image_token):
            raise InputError(
                f"encoder vision_language cannot use {type(model).__name__}: name a model such as "
                "InternVL, Qwen2.5-VL or CLIP, or take the encoder text or image_text"
            )
        self._base, self.model, self._pictures = base, model, pictures
        self._tokenizer = ItemTokenizer(base.folder, model, max_tokens)
        self._reader = PixelReader(base.folder)
        with torch.no_grad():
            blank = self._picture_features(self._reader.read([blank_picture()]))
        if self._image_token is None:
            # SigLIP's last token is its state, wherever it stands, so its texts are equally long.
            is_siglip = model.config.model_type.startswith("siglip")
            self._shortest = self._tokenizer.longest if is_siglip else 1
            self.missing_picture = nn.Parameter(torch.zeros(blank.shape[-1]))
            self.width = 2 * blank.shape[-1]
        else:
            before, after = _around_picture(model.config, self._tokenizer)
            count = blank[0].shape[0]
            self._picture_tokens = [*before, *[self._image_token] * count, *after]
            self.width = int(model.config.get_text_config().hidden_size)
        self.pretrained = frozen_names(self)

    @classmethod
    def new(cls, options: EncoderOptions, sample: pa.Table, pictures: Pictures) -> Self:
        """See ``ContentEncoder.new``."""
        require_extra("vision_language")
        if options.model is None:
            raise InputError("encoder vision_language needs a model: a folder or a hub name")
        return cls(Pretrained.load(options.model, options.lora_rank), options.max_tokens, pictures)

    @classmethod
    def restore(
        cls, settings: Mapping[str, Any], folder: Path, options: EncoderOptions, pictures: Pictures
    ) -> Self:
        """See ``ContentEncoder.restore``."""
        require_extra("vision_language")
        base = Pretrained.restore(settings["base"], options.model, folder)
        return cls(base, settings["max_tokens"], pictures)

    def inputs(self, items: pa.Table) -> Inputs:
        """See ``ContentEncoder.inputs``.

        Returns:
            ``tokens`` and ``is_token``, (items, longest text); where any item has a picture, those
            of ``picture_inputs`` too.
        """
        pixels = picture_inputs(self._pictures.open(items), self._reader.read)
        tokens = self._tokenizer.read(items)
        if self._image_token is None:
            return self._tokenizer.padded(tokens, self._shortest) | pixels
        has_picture = pixels.get("has_picture", torch.zeros(len(items), dtype=torch.bool))
        # A title may spell the placeholder of a picture.
        special = set(self._picture_tokens)
        end = [] if self._tokenizer.end is None else [self._tokenizer.end]
        rows = [
            (self._picture_tokens if has else [])
            + [token for token in row if token not in special]
            + end
            for row, has in zip(tokens, has_picture.tolist(), strict=True)
        ]
        return self._tokenizer.padded(rows) | pixels

    def states(self, inputs: Inputs) -> Tensor:
        """See ``ContentEncoder.states``."""
        has_picture = inputs.get("has_picture")
        has_any = has_picture is not None and bool(has_picture.any())
        pixels = inputs["pixels"][has_picture] if has_any else None
        if self._image_token is None:
            return self._side_by_side(inputs, pixels)
        tokens, is_token = without_padding(inputs)
        given: dict[str, Tensor] = {}
        if pixels is not None:
            given = self._pixel_arguments(pixels)
            if self._reader.grid is not None:
                given["mm_token_type_ids"] = (tokens == self._image_token).int()
        read = self.model(input_ids=tokens, attention_mask=is_token.long(), **given)
        last = is_token.sum(dim=1) - 1
        states: Tensor = read.last_hidden_state[torch.arange(len(last), device=last.device), last]
        return states.float()

    def settings(self) -> dict[str, Any]:
        """See ``ContentEncoder.settings``."""
        return {"base": self._base.settings(), "max_tokens": self._tokenizer.max_tokens}

    def save_files(self, folder: Path) -> None:
        """See ``ContentEncoder.save_files``."""
        self._tokenizer.save(folder)
        self._reader.save(folder)

    def train(self, mode: bool = True) -> Self:
        """Leave the model as it is: see ``Pretrained.model``."""
        super().train(mode)
        self.model.eval()
        return self

    def _side_by_side(self, inputs: Inputs, pixels: Tensor | None) -> Tensor:
        read = self.model.get_text_features(
            input_ids=inputs["tokens"], attention_mask=inputs["is_token"].long()
        )
        texts = read.pooler_output.float()
        pictures = self.missing_picture.expand(len(texts), -1)
        if pixels is not None:
            seen = self._picture_features(pixels).float()
            pictures = pictures.index_put((inputs["has_picture"].nonzero()[:, 0],), seen)
        return torch.cat([texts, pictures], dim=1)

    def _picture_features(self, pixels: Tensor) -> Any:
        """Features of pictures: of towers (pictures, width), else (tokens, width) for each."""
        return self.model.get_image_features(**self._pixel_arguments(pixels)).pooler_output

    def _pixel_arguments(self, pixels: Tensor) -> dict[str, Tensor]:
        grid = self._reader.grid
        if grid is None:
            return {"pixel_values": pixels}
        grids = grid.to(pixels.device).expand(len(pixels), -1)
        return {"pixel_values": pixels.flatten(0, 1), "image_grid_thw": grids}


def _around_picture(config: Any, tokenizer: ItemTokenizer) -> tuple[list[int], list[int]]:
    """The tokens that stand before and after those of a picture, if the model has such."""
    start = getattr(config, "vision_start_token_id", None)
    end = getattr(config, "vision_end_token_id", None)
    start = tokenizer.token("start_image_token") if start is None else start
    end = tokenizer.token("end_image_token") if end is None else end
    return ([] if start is None else [start]), ([] if end is None else [end])


ENCODER = VisionLanguageEncoder
