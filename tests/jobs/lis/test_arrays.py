import numpy as np
import pytest

from jobs.lis.arrays import checked_labels, checked_scores, user_codes


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
