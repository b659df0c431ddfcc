"""The texts of items as tokens, by the tokenizer of a pretrained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from jobs.alignment.encoders.item_text import item_texts
from jobs.common.errors import InputError, first_line

_VOCABULARIES = ("tokenizer.json", "vocab*", "merges.txt", "*.model", "*.tiktoken")
_FILES = (*_VOCABULARIES, "*token*.json")


class ItemTokenizer:
    """Reads the texts of items.

    Attributes:
        max_tokens: Tokens of an item that are read, if the model takes so many.
        longest: Tokens of an item that are read.
        end: The token that ends a text; None if there is none.
    """

    def __init__(self, folder: Path, model: Any, max_tokens: int) -> None:
        """Load the tokenizer in a folder.

        Args:
            folder: Of the pretrained model, or of a stored encoder.
            model: The model that it is for.
            max_tokens: Tokens of an item that are read.

        Raises:
            InputError: If there is none, or it has tokens that the model does not have.
        """
        from transformers import AutoTokenizer

        # Without its files, the library would make an empty tokenizer and say nothing.
        if not any(path for pattern in _VOCABULARIES for path in folder.glob(pattern)):
            raise InputError(
                f"{folder}: has no tokenizer (tokenizer.json); save it there with save_pretrained"
            )
        config = model.config.get_text_config()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(
                folder, config=model.config, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
            raise InputError(
                f"{folder}: has no tokenizer that can be used: {first_line(error)}"
            ) from error
        most = max(self.tokenizer.get_vocab().values(), default=-1)
        if not 0 <= most < config.vocab_size:
            raise InputError(
                f"{folder}: its tokenizer does not fit the model: it has tokens up to {most}, the "
                f"model's embedding has {config.vocab_size} rows; take the one that it was "
                "trained with"
            )
        self.max_tokens = max_tokens
        positions = getattr(config, "max_position_embeddings", None) or max_tokens
        self.longest = int(min(max_tokens, self.tokenizer.model_max_length, positions))
        self.end: int | None = self.tokenizer.eos_token_id
        # Kept as they are: the tokenizer itself would write how it was used last.
        self._files = {
            path.name: path.read_bytes() for pattern in _FILES for path in folder.glob(pattern)
        }

    def read(self, items: pa.Table) -> list[list[int]]:
        """Tokens of each item, none where it has no text and the model marks no ends."""
        texts = item_texts(items)
        if not texts:
            return []
        # Tokens of a text that the model does not read would only be warned of.
        read = self.tokenizer(texts, truncation=True, max_length=self.longest, padding=False)
        tokens: list[list[int]] = read["input_ids"]
        return tokens

    def padded(self, tokens: Sequence[Sequence[int]], length: int = 1) -> dict[str, Tensor]:
        """Tokens of items as tensors.

        Args:
            tokens: Tokens of each item.
            length: Least length of the tensors.

        Returns:
            ``tokens``, (items, longest), and ``is_token``, False for padding. Attention over
            nothing would give NaN, so each item has one token at least.
        """
        filler = self.tokenizer.pad_token_id
        filler = (self.end or 0) if filler is None else filler
        given = [list(row) or [filler] for row in tokens]
        length = max([length, *map(len, given)])
        filled = torch.tensor(
            [row + [filler] * (length - len(row)) for row in given], dtype=torch.long
        )
        counts = torch.tensor([len(row) for row in given], dtype=torch.long)
        is_token = torch.arange(length) < counts[:, None]
        return {"tokens": filled.reshape(len(given), length), "is_token": is_token}

    def token(self, name: str) -> int | None:
        """The token that a tokenizer keeps under a name such as ``start_image_token``."""
        text = getattr(self.tokenizer, name, None)
        return None if text is None else int(self.tokenizer.convert_tokens_to_ids(text))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files."""
        for name, content in self._files.items():
            (folder / name).write_bytes(content)


def without_padding(inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """``tokens`` and ``is_token`` up to the longest text: some are read together with longer ones.

    Args:
        inputs: Of at least one item, as ``ItemTokenizer.padded`` returns them.
    """
    longest = int(inputs["is_token"].sum(dim=1).max())
    return inputs["tokens"][:, :longest], inputs["is_token"][:, :longest]
