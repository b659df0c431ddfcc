"""Vectors of items' content as it was before alignment, in as many dimensions as aligned ones.

They show what alignment itself adds. The default encoder begins with random weights and knows
nothing before; its items are the vectors that they come with, or else their hashed words. A
pretrained encoder knows something: its items are its states, before any step of training.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from jobs.alignment.aligned_encoder import on_device
from jobs.alignment.encoders.registry import new_encoder
from jobs.alignment.training.preference_items import read_splits
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.ranker.model.device import default_device, deterministic
from jobs.scenarios import Scenario

Vectors = Callable[[pa.Table], NDArray[np.float32]]
_TEXTS = ("title", "category", "text")
_ITEMS_AT_ONCE = 256


def unaligned_vectors(lake: Lake, scenario: Scenario, preference: str, aligned_at: date) -> Vectors:
    """Return what computes the vectors of items, (items, dim), from their content.

    Args:
        lake: Has the items that the encoder was made for.
        scenario: The scenario.
        preference: Name of the kind of preference data.
        aligned_at: Day S of the aligned encoder.
    """
    options, seed = scenario.alignment.encoder, scenario.alignment.training.seed
    if options.name == "small":
        return lambda content: own_vectors(content, options.dim, seed)
    sample = read_splits(lake, scenario, preference, aligned_at).train.content
    encoder = new_encoder(scenario, sample).to(default_device()).eval()

    def vectors(content: pa.Table) -> NDArray[np.float32]:
        parts = [np.empty((0, encoder.width), np.float32)]
        with deterministic(), torch.inference_mode():
            for start in range(0, len(content), _ITEMS_AT_ONCE):
                inputs = encoder.inputs(content.slice(start, _ITEMS_AT_ONCE))
                parts.append(encoder.states(on_device(inputs, default_device())).cpu().numpy())
        return reduced(np.concatenate(parts), options.dim, seed)

    return vectors


def own_vectors(content: pa.Table, dim: int, seed: int) -> NDArray[np.float32]:
    """The vectors that items come with, reduced to ``dim``; hashed words for those without.

    Raises:
        InputError: If the items' vectors differ in length.
    """
    texts = (content[name].to_pylist() for name in _TEXTS)
    words = [" ".join(filter(None, parts)) for parts in zip(*texts, strict=True)]
    vectorizer = HashingVectorizer(n_features=dim, norm="l2", dtype=np.float32)
    vectors: NDArray[np.float32] = vectorizer.transform(words).toarray()
    lengths = pc.list_value_length(content["vector"]).fill_null(0).to_numpy()
    with_vector = np.flatnonzero(lengths)
    if len(with_vector):
        width = int(lengths[with_vector[0]])
        if (lengths[with_vector] != width).any():
            other = int(with_vector[(lengths[with_vector] != width).argmax()])
            raise InputError(
                f"vector of item {content['item_id'][other]} has {lengths[other]} numbers, others "
                f"have {width}: give all items vectors of one length"
            )
        flat = content["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        given = flat.astype(np.float32).reshape(len(with_vector), width)
        vectors[with_vector] = reduced(given, dim, seed)
    return vectors


def reduced(vectors: NDArray[np.float32], dim: int, seed: int) -> NDArray[np.float32]:
    """Give vectors ``dim`` numbers.

    Longer ones are projected on random orthonormal directions, which keeps their products on
    average and favours no direction. Shorter ones are filled with zeros.
    """
    width = vectors.shape[1]
    if width <= dim:
        return np.pad(vectors, ((0, 0), (0, dim - width)))
    drawn = np.random.default_rng(seed).standard_normal((width, dim))
    directions, triangle = np.linalg.qr(drawn)
    projection = (directions * np.sign(np.diag(triangle))).astype(np.float32)
    projected: NDArray[np.float32] = vectors @ projection
    return projected
