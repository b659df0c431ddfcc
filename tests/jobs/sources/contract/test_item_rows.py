"""Rows of an item file in the columns of the item contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from jobs.sources.contract.item_rows import ItemRows
from jobs.sources.log_checks import check_items
from tests.jobs.sources.logs import csv_source, table_source

ITEMS = {"path": "items", "item_id": "item", "title": "name"}


def rows_of(source: Any, folder: Path) -> list[dict[str, Any]]:
    table = check_items(source, str(folder))
    assert table is not None
    reader = ItemRows(table, source, Scenario(name="tiny", source=source))
    return [
        row for part in table.parts for batch in reader.batches(part) for row in batch.to_pylist()
    ]


def test_items_of_text(tmp_path: Path) -> None:
    (tmp_path / "items").write_text('item,name\n1,"a, b"\nNULL,c\n3,NULL\n4\n')
    found = rows_of(csv_source(items=ITEMS), tmp_path)
    assert [(row["item_id"], row["title"]) for row in found] == [
        ("1", "a, b"),
        (None, "c"),
        ("3", None),
        (None, None),
    ]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64(), pa.int8()])
def test_vectors_of_every_kind_of_number(tmp_path: Path, kind: pa.DataType) -> None:
    vectors = pa.array([np.array([1, 2], kind.to_pandas_dtype()), None], pa.list_(kind))
    table = pa.table({"item": [7.0, float("nan")], "name": ["a", "b"], "v": vectors})
    pq.write_table(table, tmp_path / "items")
    found = rows_of(table_source(items={**ITEMS, "vector": "v"}), tmp_path)
    assert [(row["item_id"], row["vector"]) for row in found] == [("7", [1.0, 2.0]), (None, None)]


def test_further_vectors_have_columns_of_their_names(tmp_path: Path) -> None:
    vectors = {"v": [[1.0], [2.0]], "w": [None, [3.0, 4.0]]}
    pq.write_table(
        pa.table({"item": ["a", "b"], "name": ["x", "y"], **vectors}), tmp_path / "items"
    )
    further = {"aligned": {"column": "w"}, "keys": {"column": "v"}}
    found = rows_of(table_source(items={**ITEMS, "vectors": further}), tmp_path)
    columns = ("vector", "aligned", "keys")
    assert [[row[name] for name in columns] for row in found] == [
        [None, None, [1.0]],
        [None, [3.0, 4.0], [2.0]],
    ]
    bad = {"aligned": {"column": "name"}}
    with pytest.raises(InputError, match="column 'name' is string, must hold lists of numbers"):
        check_items(table_source(items={**ITEMS, "vectors": bad}), str(tmp_path))


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("item", pa.array([1.5]), r"column 'item' is double and holds 1\.5, which has a fraction"),
        ("v", pa.array(["a"]), "column 'v' is string, must hold lists of numbers"),
        (
            "v",
            pa.array([[1.0, None]]),
            "an element that is not a finite number",
        ),
        ("name", pa.array([["a"]]), "map a column of text, numbers or dates"),
    ],
)
def test_what_is_no_item_is_refused(
    tmp_path: Path, column: str, values: pa.Array, problem: str
) -> None:
    content = {"item": pa.array(["i"]), "name": pa.array(["n"]), "v": pa.array([[1.0]])}
    pq.write_table(pa.table({**content, column: values}), tmp_path / "items")
    with pytest.raises(InputError, match=problem):
        check_items(table_source(items={**ITEMS, "vector": "v"}), str(tmp_path))
