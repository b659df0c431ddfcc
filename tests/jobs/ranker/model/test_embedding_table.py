import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from jobs.ranker.model.embedding_table import (
    ADAGRAD_EPSILON,
    INITIAL_ACCUMULATOR,
    NEVER,
    UNKNOWN_ROW,
    Block,
    EmbeddingTable,
)

CPU = torch.device("cpu")
SIZES = {"user_id": 4, "item_id": 6}
ROWS = 1 + sum(SIZES.values())


def filled(seed: int = 0) -> EmbeddingTable:
    table = EmbeddingTable.untrained(SIZES, 3, CPU)
    generator = torch.Generator().manual_seed(seed)
    table.embedding[1:] = torch.randn(ROWS - 1, 3, generator=generator)
    table.accumulator[1:] = torch.rand(ROWS - 1, generator=generator)
    return table


def loss_of(vectors: Tensor, weights: Tensor) -> Tensor:
    return (vectors.tanh() * weights).sum().square()


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    batches=st.lists(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=12), max_size=4),
    decay=st.sampled_from([0.0, 0.1]),
)
def test_updates_equal_a_dense_reference(batches: list[list[int]], decay: float) -> None:
    table = filled()
    dense, accumulator = table.embedding.clone(), table.accumulator.clone()
    for number, batch in enumerate(batches):
        index = torch.tensor(batch)
        weights = torch.randn(len(batch), 3, generator=torch.Generator().manual_seed(number))

        leaf = dense.clone().requires_grad_()
        loss_of(leaf[index], weights).backward()
        for row in set(batch) - {UNKNOWN_ROW}:
            gradient = leaf.grad[row] + decay * dense[row]
            accumulator[row] += (gradient**2).mean()
            dense[row] -= 0.1 * gradient / (accumulator[row].sqrt() + ADAGRAD_EPSILON)

        touched = table.touch(index)
        loss_of(touched.vectors, weights).backward()
        table.apply_gradient(touched, rate=0.1, decay=decay)

        torch.testing.assert_close(table.embedding, dense, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(table.accumulator, accumulator, atol=1e-6, rtol=1e-6)


def test_untouched_rows_keep_their_bits() -> None:
    table = filled()
    before = table.embedding.clone(), table.accumulator.clone()
    touched = table.touch(torch.tensor([[2, 5], [5, UNKNOWN_ROW]]))
    touched.vectors.square().sum().backward()
    table.apply_gradient(touched, rate=0.1)
    untouched = [row for row in range(ROWS) if row not in (2, 5)]
    assert torch.equal(table.embedding[untouched], before[0][untouched])
    assert torch.equal(table.accumulator[untouched], before[1][untouched])
    assert not torch.equal(table.embedding[[2, 5]], before[0][[2, 5]])


def test_an_update_has_no_gradient_of_the_whole_table() -> None:
    table = filled()
    touched = table.touch(torch.tensor([3, 3, 1]))
    touched.vectors.sum().backward()
    assert table.embedding.grad is None
    assert not table.embedding.requires_grad
    assert touched.gradient().shape == (2, 3)


def test_the_gradient_has_the_bits_of_an_embeddings_backward() -> None:
    """Gradients of a row that occurs often in a batch are summed in the order of the batch."""
    index = torch.randint(0, ROWS, (500, 4), generator=torch.Generator().manual_seed(1))
    weights = torch.randn(500, 4, 3, generator=torch.Generator().manual_seed(2))
    table = filled()
    touched = table.touch(index)
    (touched.vectors * weights).sum().backward()
    rows, inverse = torch.unique(index, return_inverse=True)
    plain = table.embedding[rows].requires_grad_()
    (torch.nn.functional.embedding(inverse, plain) * weights).sum().backward()
    assert torch.equal(touched.rows, rows)
    assert torch.equal(touched.gradient(), plain.grad)


def test_vectors_have_the_shape_of_the_index() -> None:
    table = filled()
    index = torch.tensor([[1, 2, 2], [10, 0, 1]])
    assert torch.equal(table.touch(index).vectors, table.embedding[index])


def test_growing_keeps_rows_and_appends_the_given_ones() -> None:
    table = filled()
    table.count_updates(table.stacked("item_id", np.array([1, 1, 3])), np.array([7, 5, 9]))
    first = {"user_id": np.full((1, 3), 0.5, np.float32), "item_id": np.ones((2, 3), np.float32)}
    grown = table.grown(first)
    for field, vectors in first.items():
        old, new = table.block(field), grown.block(field)
        untrained = Block.untrained(len(vectors), 3)
        appended = {
            **vars(untrained),
            "embedding": vectors,
            "accumulator": np.full(len(vectors), INITIAL_ACCUMULATOR, np.float32),
        }
        for name, values in vars(old).items():
            expected = np.concatenate([values, appended[name]])
            np.testing.assert_array_equal(getattr(new, name), expected)
    assert not grown.embedding[UNKNOWN_ROW].any()
    assert table.grown({"user_id": vectors[:0], "item_id": vectors[:0]}) is table


@pytest.mark.parametrize("batch", [1, 7])
def test_gradients_are_those_of_the_summed_loss(batch: int) -> None:
    """A row that occurs once learns alike in a batch of any size."""
    index = torch.arange(1, batch + 1)
    table = filled()
    touched = table.touch(index)
    touched.vectors.square().sum(dim=1).mean().backward()
    table.apply_gradient(touched, rate=0.1, batch=batch)
    alone = filled()
    touched = alone.touch(index[:1])
    touched.vectors.square().sum().backward()
    alone.apply_gradient(touched, rate=0.1)
    torch.testing.assert_close(table.embedding[1], alone.embedding[1])
    torch.testing.assert_close(table.accumulator[1], alone.accumulator[1])


def test_a_first_step_does_not_amplify_rounding() -> None:
    """Gradients that cancel to almost nothing move an embedding by almost nothing."""

    def first_step(noise: float) -> Tensor:
        empty = EmbeddingTable.untrained(dict.fromkeys(SIZES, 0), 3, CPU)
        table = empty.grown(
            {field: np.ones((rows, 3), np.float32) for field, rows in SIZES.items()}
        )
        touched = table.touch(torch.tensor([1, 2]))
        (touched.vectors * noise).sum().backward()
        table.apply_gradient(touched, rate=0.1)
        return table.embedding

    assert (first_step(1e-9) - first_step(-1e-9)).abs().max() < 1e-6
    assert (first_step(1.0) - first_step(0.0))[1:3].abs().min() > 0.05


def test_updates_and_the_time_of_the_newest_are_counted() -> None:
    table = EmbeddingTable.untrained(SIZES, 3, CPU)
    rows = table.stacked("item_id", np.array([1, 1, 3, -1]))
    table.count_updates(rows, np.array([7, 5, 9, 11]))
    block = table.block("item_id")
    assert block.updates.tolist() == [0, 2, 0, 1, 0, 0]
    assert block.last_update.tolist() == [NEVER, 7, NEVER, 9, NEVER, NEVER]
    assert table.updates[UNKNOWN_ROW] == 0


@pytest.mark.parametrize(("row", "stacked"), [(-1, UNKNOWN_ROW), (0, 5), (5, 10)])
def test_blocks_are_stacked_in_field_order_after_the_unknown_row(row: int, stacked: int) -> None:
    assert filled().stacked("item_id", np.array([row])).tolist() == [stacked]
