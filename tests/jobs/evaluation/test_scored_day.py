import numpy as np
import pyarrow as pa
import pytest

from jobs.evaluation.scored_day import ScoredDay

ROWS = pa.table({"user_id": [1, 2], "label": [0, 1], "fold": ["eval", "eval"]})
GOOD, COVERED = np.zeros((3, 2)), np.ones(2, np.bool_)


def test_seeds_are_counted() -> None:
    assert ScoredDay(ROWS, {"baseline": GOOD, "leaked": GOOD}, COVERED).seeds == 3


@pytest.mark.parametrize(
    ("variants", "covered", "slices", "message"),
    [
        ({"baseline": GOOD}, COVERED, {}, "needs the variant 'leaked'"),
        ({"baseline": GOOD, "leaked": GOOD[:2]}, COVERED, {}, r"'leaked' has shape \(2, 2\)"),
        ({"baseline": GOOD, "leaked": GOOD[0]}, COVERED, {}, r"'leaked' has shape \(2,\)"),
        ({"baseline": GOOD[:0], "leaked": GOOD[:0]}, COVERED, {}, "'baseline' has shape"),
        ({"baseline": GOOD, "leaked": GOOD}, COVERED[:1], {}, "'covered' has shape"),
        ({"baseline": GOOD, "leaked": GOOD}, COVERED, {"a": np.array(["x"])}, "'a' has shape"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(
    variants: dict[str, np.ndarray],
    covered: np.ndarray,
    slices: dict[str, np.ndarray],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        ScoredDay(ROWS, variants, covered, slices)
