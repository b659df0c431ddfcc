import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jobs.stats.columns import (
    Users,
    ascending_order,
    checked_labels,
    checked_scores,
    encode_users,
    user_codes,
)


@pytest.mark.parametrize("labels", [[0, 2], [0.5, 1], [np.nan, 1], [-1, 1]])
def test_labels_outside_zero_and_one_are_refused(labels: list[float]) -> None:
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        checked_labels(labels)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_labels_of_any_numeric_type_become_booleans(dtype: type) -> None:
    assert checked_labels(np.array([0, 1, 1], dtype=dtype)).tolist() == [False, True, True]


def test_labels_must_be_one_dimensional() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 1\)"):
        checked_labels([[0], [1]])


def test_nan_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        checked_scores([0.1, np.nan], rows=2)


def test_infinite_scores_are_kept() -> None:
    assert checked_scores([-np.inf, np.inf], rows=2).tolist() == [-np.inf, np.inf]


def test_scores_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores have shape \(3,\)"):
        checked_scores([1.0, 2.0, 3.0], rows=2)


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="scores must be numbers"):
        checked_scores(["a", "b"], rows=2)


@pytest.mark.parametrize("users", [[30, 10, 30, 20], ["c", "a", "c", "bb"]])
def test_users_are_numbered_in_order_of_appearance(users: list[int]) -> None:
    codes, ids = user_codes(users, rows=4)
    assert codes.tolist() == [0, 1, 0, 2]
    assert ids.tolist() == [users[0], users[1], users[3]]


@pytest.mark.parametrize("users", [np.array(["a", None], dtype=object), [1.0, np.nan]])
def test_null_users_are_refused(users: object) -> None:
    with pytest.raises(ValueError, match="null"):
        user_codes(users, rows=2)  # type: ignore[arg-type]


def test_users_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="users have shape"):
        user_codes([1, 2, 3], rows=2)


@pytest.mark.parametrize("ids", [[30, 10, 30, 20], ["c", "a", "c", "bb"]])
def test_a_column_is_numbered_as_its_array_is(ids: list[int]) -> None:
    users = encode_users(pa.chunked_array([ids[:1], ids[1:]]))
    codes, named = user_codes(np.array(ids), rows=4)
    assert users.codes.tolist() == codes.tolist()
    assert users.ids.tolist() == named.tolist()


def test_a_column_with_null_users_is_refused() -> None:
    with pytest.raises(ValueError, match="null"):
        encode_users(pa.chunked_array([[1, None]]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans())))
def test_chosen_users_are_numbered_as_if_alone(rows: list[tuple[int, bool]]) -> None:
    ids = np.array([user for user, _ in rows], dtype=np.int64)
    chosen = np.array([taken for _, taken in rows], dtype=np.bool_)
    part = Users(*user_codes(ids, ids.size))[chosen]
    codes, named = user_codes(ids[chosen], int(chosen.sum()))
    assert part.codes.tolist() == codes.tolist()
    assert part.ids.tolist() == named.tolist()


def test_numbered_users_of_another_length_are_refused() -> None:
    users = Users(*user_codes([7, 8, 7], rows=3))
    with pytest.raises(ValueError, match="users have shape"):
        user_codes(users, rows=2)


NEAR_ONE = 1 + np.arange(6)[::-1] * 2.0**-52


@settings(max_examples=200, deadline=None, derandomize=True)
@example(np.array([0.0, -0.0, -1.0, 0.0, -0.0, np.inf, -np.inf, 5e-324, -5e-324]))
@example(np.concatenate((NEAR_ONE, -NEAR_ONE, NEAR_ONE)))
@example(np.array([2**63 - 1, 2**63 - 2, -(2**63), 2**53 + 1, 2**53], dtype=np.int64))
@example(np.array([2**64 - 1, 0, 2**64 - 2, 2**63], dtype=np.uint64))
@given(
    arrays.arrays(
        st.sampled_from(["float16", "float32", "float64", "int8", "int64", "uint64"]),
        st.integers(0, 60),
    ).filter(lambda values: not np.isnan(values).any())
)
def test_the_order_is_that_of_a_stable_sort(values: np.ndarray) -> None:
    assert ascending_order(values).tolist() == np.argsort(values, kind="stable").tolist()


@pytest.mark.parametrize("step", [2.0**-52, 2.0**-40, 2.0**-20])
def test_values_apart_by_less_than_their_leading_bits_are_ordered(step: float) -> None:
    values = 1 + step * np.random.default_rng(0).integers(0, 3_000, 20_000)
    assert (ascending_order(values) == np.argsort(values, kind="stable")).all()
