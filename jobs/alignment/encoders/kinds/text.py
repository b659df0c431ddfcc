"""Any text encoder of ``transformers``: the mean of its last states over an item's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from torch import Tensor

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs
from jobs.alignment.encoders.item_tokens import ItemTokenizer, without_padding
from jobs.alignment.encoders.pictures import Pictures
from jobs.alignment.encoders.pretrained import (
    Pretrained,
    frozen_names,
    require_extra,
)
from jobs.common.errors import InputError
from jobs.scenarios.alignment_options import EncoderOptions


class TextEncoder(ContentEncoder):
    """A text encoder, or the encoder of a model that has a decoder too."""

    def __init__(self, base: Pretrained, max_tokens: int) -> None:
        """Wrap a model.

        Args:
            base: The model.
            max_tokens: Tokens of an item that are read.

        Raises:
            InputError: If it is no text model, or its tokenizer does not fit.
        """
        super().__init__()
        config = base.model.config
        if hasattr(config, "vision_config") or not hasattr(config, "vocab_size"):
            raise InputError(
                f"encoder text cannot use {type(base.model).__name__}, which does not read text "
                "alone: name a text encoder such as BERT, or take the encoder vision_language"
            )
        self._base = base
        self.model = base.model.get_encoder() if config.is_encoder_decoder else base.model
        self._tokenizer = ItemTokenizer(base.folder, base.model, max_tokens)
        self.width = int(config.hidden_size)
        self.pretrained = frozen_names(self)

    @classmethod
    def new(cls, options: EncoderOptions, sample: pa.Table, pictures: Pictures) -> Self:
        """See ``ContentEncoder.new``."""
        require_extra("text")
        if options.model is None:
            raise InputError("encoder text needs a model: a folder or a hub name")
        return cls(Pretrained.load(options.model, options.lora_rank), options.max_tokens)

    @classmethod
    def restore(
        cls, settings: Mapping[str, Any], folder: Path, options: EncoderOptions, pictures: Pictures
    ) -> Self:
        """See ``ContentEncoder.restore``."""
        require_extra("text")
        base = Pretrained.restore(settings["base"], options.model, folder)
        return cls(base, settings["max_tokens"])

    def inputs(self, items: pa.Table) -> Inputs:
        """See ``ContentEncoder.inputs``.

        Returns:
            ``tokens``, (items, longest text); ``is_token``, the same shape, False for padding.
        """
        return self._tokenizer.padded(self._tokenizer.read(items))

    def states(self, inputs: Inputs) -> Tensor:
        """See ``ContentEncoder.states``."""
        tokens, is_token = without_padding(inputs)
        hidden = self.model(input_ids=tokens, attention_mask=is_token.long())
        last = hidden.last_hidden_state.float().masked_fill(~is_token[:, :, None], 0.0)
        mean: Tensor = last.sum(dim=1) / is_token.sum(dim=1, keepdim=True)
        return mean

    def settings(self) -> dict[str, Any]:
        """See ``ContentEncoder.settings``."""
        return {"base": self._base.settings(), "max_tokens": self._tokenizer.max_tokens}

    def save_files(self, folder: Path) -> None:
        """See ``ContentEncoder.save_files``."""
        self._tokenizer.save(folder)

    def train(self, mode: bool = True) -> Self:
        """Leave the model as it is: see ``Pretrained.model``."""
        super().train(mode)
        self.model.eval()
        return self


ENCODER = TextEncoder
