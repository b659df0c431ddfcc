"""The default encoder: a small text transformer from scratch, beside the items' own vectors.

It downloads nothing and has no vocabulary. A word is the mean of the embeddings of some buckets:
those that the word and its groups of three characters hash to, so that words it has never met still
resemble those they share characters with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs
from jobs.alignment.encoders.item_text import FIELDS, text_columns
from jobs.alignment.encoders.pictures import Pictures
from jobs.common.errors import InputError
from jobs.scenarios.alignment_options import EncoderOptions

BUCKETS = 1 << 14
PARTS = 12
"""Hashes of a word: itself, and its first groups of three characters."""
# Scripts without blanks between words are read character by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_LONGEST_WORD = 64


class _Layer(nn.Module):
    """A layer of a transformer, normalised first.

    Unlike that of torch, its bits do not depend on whether gradients are recorded.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor, is_word: Tensor) -> Tensor:
        """Compute the layer.

        Args:
            hidden: (items, words, width).
            is_word: (items, words), False where nothing is to be attended to.
        """
        items, words, width = hidden.shape
        mixed = self.queries_keys_values(self.norm(hidden))
        mixed = mixed.reshape(items, words, 3, self.heads, width // self.heads)
        queries, keys, values = mixed.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(
            queries, keys, values, is_word[:, None, None, :]
        )
        hidden = hidden + self.attended(attended.transpose(1, 2).reshape(hidden.shape))
        computed: Tensor = hidden + self.feed_forward(hidden)
        return computed


class SmallEncoder(ContentEncoder):
    """States are the mean over words after the transformer, followed by the vector's projection.

    Args:
        max_tokens: Words of an item that are read, in the order title, category, text.
        vector_length: Length of the items' vectors; 0 if they have none.
        layers: Layers of the transformer.
        hidden: Width of the transformer, and of the vector's projection.
        heads: Attention heads of each layer.
    """

    vector_mean: Tensor
    vector_scale: Tensor

    def __init__(
        self,
        max_tokens: int,
        vector_length: int,
        layers: int = 2,
        hidden: int = 64,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self._settings = {
            "max_tokens": max_tokens,
            "vector_length": vector_length,
            "layers": layers,
            "hidden": hidden,
            "heads": heads,
        }
        self.max_tokens, self.vector_length = max_tokens, vector_length
        self.parts = nn.Embedding(BUCKETS + 1, hidden, padding_idx=0)
        # Field 0 is the token that stands before the words, so that no item is without a token.
        self.fields = nn.Embedding(len(FIELDS) + 1, hidden)
        self.positions = nn.Embedding(max_tokens + 1, hidden)
        # Words count more than where they stand: theirs are means, a third as large.
        for embedding in (self.fields, self.positions):
            nn.init.normal_(embedding.weight, std=0.1)
        self.layers = nn.ModuleList(_Layer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.width = hidden
        if vector_length:
            self.register_buffer("vector_mean", torch.zeros(vector_length))
            self.register_buffer("vector_scale", torch.ones(vector_length))
            self.missing_vector = nn.Parameter(torch.randn(vector_length))
            self.vector = nn.Linear(vector_length, hidden)
            self.width += hidden

    @classmethod
    def new(cls, options: EncoderOptions, sample: pa.Table, pictures: Pictures) -> Self:
        """See ``ContentEncoder.new``."""
        lengths = _vector_lengths(sample)
        encoder = cls(options.max_tokens, int(lengths.max(initial=0)))
        if encoder.vector_length:
            vectors = encoder._vectors(sample)
            vectors = vectors[~vectors.isnan().any(dim=1)]
            scale = vectors.std(dim=0, correction=0)
            encoder.vector_mean = vectors.mean(dim=0)
            encoder.vector_scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        return encoder

    @classmethod
    def restore(
        cls, settings: Mapping[str, Any], folder: Path, options: EncoderOptions, pictures: Pictures
    ) -> Self:
        """See ``ContentEncoder.restore``."""
        return cls(**settings)

    def inputs(self, items: pa.Table) -> Inputs:
        """See ``ContentEncoder.inputs``.

        Returns:
            ``parts``, (items, words, PARTS): the buckets of words, 0 where there is none;
            ``fields``, (items, words), from 1; ``vector``, (items, vector_length), where items have
            vectors: NaN for those without.
        """
        read = [self._words(texts) for texts in zip(*text_columns(items), strict=True)]
        longest = max((len(words) for words in read), default=0)
        parts = np.zeros((len(items), longest, PARTS), np.int32)
        fields = np.zeros((len(items), longest), np.int64)
        for row, words in enumerate(read):
            if words:
                fields[row, : len(words)] = [field for field, _ in words]
                parts[row, : len(words)] = np.frombuffer(
                    b"".join(buckets for _, buckets in words), np.int32
                ).reshape(len(words), PARTS)
        inputs = {"parts": torch.from_numpy(parts), "fields": torch.from_numpy(fields)}
        return inputs | ({"vector": self._vectors(items)} if self.vector_length else {})

    def states(self, inputs: Inputs) -> Tensor:
        """See ``ContentEncoder.states``."""
        # Read together with longer ones, items may all be padded.
        longest = int((inputs["fields"] > 0).sum(dim=1).max()) if len(inputs["fields"]) else 0
        parts, fields = inputs["parts"][:, :longest], inputs["fields"][:, :longest]
        fields = nn.functional.pad(fields, (1, 0))
        words = self.parts(parts).sum(dim=2)
        words = words / (parts > 0).sum(dim=2, keepdim=True).clamp(min=1)
        hidden = nn.functional.pad(words, (0, 0, 1, 0)) + self.fields(fields)
        hidden = hidden + self.positions(torch.arange(fields.shape[1], device=fields.device))
        is_word = fields > 0
        is_word[:, 0] = True
        for layer in self.layers:
            hidden = layer(hidden, is_word)
        hidden = self.norm(hidden).masked_fill(~is_word[:, :, None], 0.0)
        state = hidden.sum(dim=1) / is_word.sum(dim=1, keepdim=True)
        if self.vector_length:
            scaled = (inputs["vector"] - self.vector_mean) / self.vector_scale
            scaled = torch.where(scaled.isnan(), self.missing_vector, scaled)
            state = torch.cat([state, self.vector(scaled)], dim=1)
        states: Tensor = state.float()
        return states

    def settings(self) -> dict[str, Any]:
        """See ``ContentEncoder.settings``."""
        return dict(self._settings)

    def _words(self, texts: tuple[str | None, ...]) -> list[tuple[int, bytes]]:
        """Field and buckets of the words of an item that are read."""
        words = [
            (field, _buckets(word[:_LONGEST_WORD]))
            for field, text in enumerate(texts, 1)
            if text
            for word in _WORD.findall(text[: 16 * self.max_tokens].lower())[: self.max_tokens]
        ]
        return words[: self.max_tokens]

    def _vectors(self, items: pa.Table) -> Tensor:
        """Vectors of items, NaN where an item has none, (items, vector_length)."""
        lengths = _vector_lengths(items)
        vectors = torch.full((len(items), self.vector_length), torch.nan)
        has_vector = lengths > 0
        if not has_vector.any():
            return vectors
        wrong = np.flatnonzero(has_vector & (lengths != self.vector_length))
        if len(wrong):
            raise InputError(
                f"items: vector of item {items['item_id'][int(wrong[0])]} has "
                f"{lengths[wrong[0]]} numbers, that of others has {self.vector_length}: give all "
                "vectors one length"
            )
        flat = items["vector"].combine_chunks().flatten()
        values = flat.to_numpy(zero_copy_only=False).astype(np.float32)
        values = values.reshape(-1, self.vector_length)
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(broken):
            item = items["item_id"][int(np.flatnonzero(has_vector)[broken[0]])]
            raise InputError(
                f"items: vector of item {item} has a number that is not finite: correct it, or "
                "leave the vector empty"
            )
        vectors[torch.from_numpy(has_vector)] = torch.from_numpy(values)
        return vectors


def _vector_lengths(items: pa.Table) -> NDArray[np.int64]:
    """Length of each item's vector, 0 where it has none."""
    if "vector" not in items.column_names:
        return np.zeros(len(items), np.int64)
    lengths = pc.list_value_length(items["vector"]).fill_null(0)
    counts: NDArray[np.int64] = lengths.to_numpy().astype(np.int64)
    return counts


@lru_cache(maxsize=1 << 16)
def _buckets(word: str) -> bytes:
    """Buckets of a word from 1, then 0 where it has fewer parts: PARTS numbers of 32 bits."""
    marked = f"<{word}>"
    parts = [word, *(marked[start : start + 3] for start in range(len(marked) - 2))][:PARTS]
    hashes = [crc32(f"{len(part)}{part}".encode()) % BUCKETS + 1 for part in parts]
    return np.array(hashes + [0] * (PARTS - len(hashes)), np.int32).tobytes()


ENCODER = SmallEncoder
