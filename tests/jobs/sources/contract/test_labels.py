from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from jobs.common.errors import InputError
from jobs.scenarios import LabelRule
from jobs.sources.contract.labels import labels_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "rule", "labels"),
    [
        ([0, 1, 2, -1, None], {}, [0, 1, None, None, None]),
        ([0.0, 1.0, 0.5, NAN], {}, [0, 1, None, None]),
        ([True, False, None], {}, [1, 0, None]),
        (["0", " 1.0 ", "yes", "", None], {}, [0, 1, None, None, None]),
        (
            ["7.9", "8", "8e0", "inf", "-inf", "NaN", "x"],
            {"at_least": 8},
            [0, 1, 1, 1, 0, None, None],
        ),
        ([3, 4], {"equals": 3}, [1, 0]),
        (["3", "3.0", "4", "x"], {"equals": 3}, [1, 1, 0, None]),
        ([1.0, 0.0, NAN], {"equals": "1"}, [1, 0, None]),
        (["click", "view", "Click", None], {"equals": "click"}, [1, 0, 0, None]),
        ([True, False], {"equals": 1}, [1, 0]),
    ],
)
def test_rules(values: list[Any], rule: dict[str, Any], labels: list[int | None]) -> None:
    for stored in (pa.array(values), pa.array(values).dictionary_encode()):
        assert labels_of(stored, LabelRule(**rule), "f").to_pylist() == labels


@pytest.mark.parametrize(
    ("values", "rule", "problem"),
    [
        ([[1], [0]], {}, "is list<item: int64>, where label needs a number or text"),
        ([{"a": 1}], {"at_least": 1}, "where label needs a number or text"),
        ([1, 0], {"equals": "click"}, "is int64 and never equals 'click': correct source.label"),
    ],
)
def test_a_column_without_labels_is_refused(
    values: list[Any], rule: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=f"^a: column 'l' .*{problem}"):
        labels_of(pa.array(values), LabelRule(**rule), "a: column 'l'")
