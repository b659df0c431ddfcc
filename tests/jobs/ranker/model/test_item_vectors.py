"""Item vectors as inputs of the network, against a loop over rows; and the head that reads them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.common.errors import InputError
from jobs.ranker.model.item_vectors import ItemVectors, VectorHead, input_width, vector_inputs
from jobs.ranker.model.vocabulary import Vocabulary

DIM = 3
ITEMS = [7, 3, 9, 5]
SHOWN = [3, 3, 9, 4, 7, 3, 11, 9]
"""Candidates of some rows; 4 and 11 have no vector, 5 is not shown."""


def table(vectors: np.ndarray, items: list[int] = ITEMS) -> pa.Table:
    values = pa.array(vectors.astype(np.float32).reshape(-1))
    embedding = pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])
    return pa.table({"item_id": pa.array(items), "embedding": embedding})


@pytest.fixture
def raw() -> np.ndarray:
    drawn = np.random.default_rng(0).normal(3, 2, (len(ITEMS), DIM))
    drawn[:, 2] = 5
    return drawn


@pytest.fixture
def vectors(raw: np.ndarray) -> ItemVectors:
    return ItemVectors.standardised(table(raw), [pa.array(SHOWN[:5]), pa.array(SHOWN[5:])])


def test_vectors_are_standardised_over_the_rows_that_show_them(
    raw: np.ndarray, vectors: ItemVectors
) -> None:
    shown = np.array([raw[ITEMS.index(item)] for item in SHOWN if item in ITEMS])
    expected = raw - shown.mean(axis=0)
    expected[:, :2] /= shown[:, :2].std(axis=0)
    np.testing.assert_allclose(vectors.vectors[:-1], expected, atol=1e-6)
    assert not vectors.vectors[:-1, 2].any()
    assert not vectors.vectors[-1].any()
    assert vectors.scale.coverage == 0.75


def test_inputs_are_the_vector_its_product_with_the_clicks_and_the_flag(
    vectors: ItemVectors,
) -> None:
    candidates = [9, 4, 3, 7]
    clicks = [[3, 7, 7], [], [4], [5, 4]]
    positions = vectors.items.rows(pa.array(candidates))
    padded = np.full((4, 3), -1)
    for row, clicked in enumerate(clicks):
        padded[row, : len(clicked)] = vectors.items.rows(pa.array(clicked, pa.int64()))
    found = inputs(vectors, positions, padded)
    assert found.shape == (4, input_width(DIM))
    assert found.dtype == np.float32
    by_item = dict(zip(ITEMS, vectors.vectors, strict=False))
    for row, (candidate, clicked) in enumerate(zip(candidates, clicks, strict=True)):
        known = [by_item[item] for item in clicked if item in by_item]
        mean = np.mean(known, axis=0) if known else np.zeros(DIM)
        vector = by_item.get(candidate, np.zeros(DIM))
        flag = 0.25 if candidate in by_item else -0.75
        np.testing.assert_allclose(found[row], [*vector, *(vector * mean), flag], atol=1e-6)


def test_positions_follow_the_rows_of_an_embedding_table(vectors: ItemVectors) -> None:
    vocabulary = Vocabulary(pa.array([4, 9, 7]))
    assert vectors.positions(vocabulary, start=2, rows=6).tolist() == [-1, -1, -1, 2, 0, -1]


def test_an_empty_table_and_no_rows_have_no_vectors(vectors: ItemVectors) -> None:
    empty = pa.table({"item_id": pa.array([], pa.int64()), "embedding": _no_vectors()})
    none = ItemVectors.standardised(empty, [pa.array(SHOWN)])
    assert inputs(none, np.array([-1]), np.full((1, 2), -1)).tolist() == [[0.0]]
    unseen = ItemVectors.standardised(table(np.ones((4, DIM))), [])
    assert np.isfinite(unseen.vectors).all()
    assert inputs(vectors, np.empty(0, np.int64), np.empty((0, 2), np.int64)).shape == (0, 7)


def test_a_vector_that_is_not_finite_is_refused_by_item(raw: np.ndarray) -> None:
    raw[1, 0] = np.nan
    with pytest.raises(InputError, match=r"item 3 contains .* not finite \(1 of 4 items\)"):
        ItemVectors.standardised(table(raw), [])


def test_a_head_adds_nothing_before_it_is_trained_nor_without_inputs() -> None:
    head = VectorHead(DIM, 8, seed=1)
    inputs, fields = torch.randn(5, 2 * DIM + 1), torch.randn(5, 2, 4)
    assert not head(inputs, fields).any()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(0.5)
    assert head(inputs, fields).all()
    fields.requires_grad_()
    nothing = head(torch.zeros_like(inputs), fields)
    torch.autograd.backward(nothing.sum())
    assert not nothing.any()
    assert fields.grad is not None
    assert not fields.grad.any()
    assert not any(parameter.grad.any() for parameter in head.parameters())


def test_the_first_gradient_reaches_the_weights_of_every_input() -> None:
    head = VectorHead(DIM, 8, seed=1)
    loss = head(torch.rand(5, 2 * DIM + 1) + 0.1, torch.rand(5, 2, 4) + 0.1).sum()
    torch.autograd.backward(loss)
    assert head.output.weight.grad is not None
    assert head.output.weight.grad[:, : 2 * DIM + 1].all()
    assert head.product.weight.grad is not None
    assert head.product.weight.grad.all()


def inputs(vectors: ItemVectors, candidates: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    return vector_inputs(vectors.vectors, vectors.scale.coverage, candidates, clicks)


def _no_vectors() -> pa.Array:
    return pa.array([], pa.list_(pa.float32()))
