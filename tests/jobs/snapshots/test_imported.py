"""Item tables of an external ranker are imported unchanged, or refused by file and value."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.lake import Lake, schemas
from jobs.lake.addresses import (
    checkpoint_days,
    ranker_keys,
    ranker_version,
    snapshot_partition,
    snapshot_version,
)
from jobs.scenarios import ImportedSnapshots, Scenario
from jobs.snapshots.export import build_snapshots
from jobs.snapshots.imported import import_snapshots

ONE, TWO = date(2026, 1, 1), date(2026, 1, 2)
MakeScenario = Callable[..., Scenario]
Bytes = Callable[..., dict[str, bytes]]
Row = dict[str, Any]
GOOD: list[Row] = [
    {"item": 2, "vector": [0.5, -1.0, 2.0], "n": 7},
    {"item": 1, "vector": [0.25, 3.0, 0.0], "n": 0},
]
NOT_FINITE = "has an element that is not a finite number"
SCHEMA = pa.schema([("item", pa.int64()), ("vector", pa.list_(pa.float32())), ("n", pa.int64())])


def write(path: Path, rows: list[Row], schema: pa.Schema = SCHEMA) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


@pytest.fixture
def by_day(tmp_path: Path, make_scenario: MakeScenario) -> Scenario:
    """A scenario with one file per day, in a folder whose name must be escaped."""
    path = tmp_path / "my exports+" / "ds={ds}" / "table.parquet"
    return imports(make_scenario(), path=str(path), item_id="item", vector="vector", updates="n")


def imports(scenario: Scenario, **options: Any) -> Scenario:
    return scenario.model_copy(update={"snapshots": ImportedSnapshots(**options)})


def file_of(scenario: Scenario, day: date) -> Path:
    assert scenario.snapshots is not None
    return Path(scenario.snapshots.path.replace("{ds}", day.isoformat()))


def test_a_table_is_imported_row_by_row(lake: Lake, by_day: Scenario) -> None:
    write(file_of(by_day, ONE), GOOD)
    write(file_of(by_day, TWO), GOOD[:1])
    assert import_snapshots(lake, by_day) == [ONE, TWO]
    partition = snapshot_partition(by_day, ONE)
    assert dict(partition.keys)["ranker"] == snapshot_version(by_day)
    assert snapshot_version(by_day).startswith("imported-")
    table = lake.read(partition)
    assert table.schema.equals(schemas.snapshots(by_day, 3))
    expected = [
        {
            "item_id": row["item"],
            "embedding": row["vector"],
            "updates": row["n"],
            "last_update": None,
            "slot": "item_id",
            "ranker_version": snapshot_version(by_day),
        }
        for row in sorted(GOOD, key=lambda row: row["item"])
    ]
    assert table.to_pylist() == expected
    assert lake.read(snapshot_partition(by_day, TWO)).num_rows == 1


def test_only_new_or_changed_tables_are_imported(
    lake: Lake, by_day: Scenario, published_bytes: Bytes
) -> None:
    write(file_of(by_day, ONE), GOOD)
    assert import_snapshots(lake, by_day) == [ONE]
    before = published_bytes(lake, "snapshots")
    assert import_snapshots(lake, by_day) == []
    write(file_of(by_day, TWO), GOOD)
    assert import_snapshots(lake, by_day) == [TWO]
    after = published_bytes(lake, "snapshots")
    assert {path: after[path] for path in before} == before
    write(file_of(by_day, ONE), GOOD[:1])
    assert import_snapshots(lake, by_day) == [ONE]
    assert lake.read(snapshot_partition(by_day, ONE)).num_rows == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.date32(), [ONE, TWO]),
        (pa.string(), ["2026-01-01", "2026-01-02"]),
        (pa.timestamp("us"), [datetime(2026, 1, 1), datetime(2026, 1, 2)]),
        (pa.timestamp("ns", tz="UTC"), [datetime(2026, 1, 1), datetime(2026, 1, 2)]),
    ],
)
def test_a_column_may_have_the_day_of_a_row(
    lake: Lake, make_scenario: MakeScenario, tmp_path: Path, kind: pa.DataType, values: list[Any]
) -> None:
    scenario = imports(make_scenario(), path="tables", item_id="item", vector="vector", as_of="day")
    rows = [{**row, "day": value} for row in GOOD for value in values]
    write(tmp_path / "tables" / "part-0.parquet", rows, SCHEMA.append(pa.field("day", kind)))
    assert import_snapshots(lake, scenario, str(tmp_path)) == [ONE, TWO]
    table = lake.read(snapshot_partition(scenario, TWO))
    assert table["item_id"].to_pylist() == [1, 2]
    assert table["updates"].to_pylist() == [0, 0]
    assert import_snapshots(lake, scenario, str(tmp_path)) == []


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 3), pa.large_list(pa.float32())]
)
def test_vectors_may_have_several_types(lake: Lake, by_day: Scenario, kind: pa.DataType) -> None:
    write(file_of(by_day, ONE), GOOD, SCHEMA.set(1, pa.field("vector", kind)))
    import_snapshots(lake, by_day)
    table = lake.read(snapshot_partition(by_day, ONE))
    assert table["embedding"].to_pylist() == [[0.25, 3.0, 0.0], [0.5, -1.0, 2.0]]


def test_imports_exist_beside_those_of_the_lineage(
    trained: Lake, by_day: Scenario, published_bytes: Bytes
) -> None:
    lineage = by_day.model_copy(update={"snapshots": None})
    build_snapshots(trained, lineage, TWO)
    before = published_bytes(trained, "snapshots")
    write(file_of(by_day, ONE), GOOD)
    import_snapshots(trained, by_day)
    after = published_bytes(trained, "snapshots")
    assert {path: after[path] for path in before} == before
    assert ranker_version(by_day).startswith("imported-")
    assert checkpoint_days(trained, by_day) == []
    assert trained.days("snapshots", "tiny", ranker_keys(lineage))
    assert build_snapshots(trained, by_day, TWO) == []


INVALID: list[tuple[str, list[Row], str]] = [
    ("repeated", [*GOOD, GOOD[0]], "item 2 has 2 rows on 2026-01-02"),
    ("null id", [*GOOD, {**GOOD[0], "item": None}], "column 'item': null is not an item id"),
    (
        "longer",
        [*GOOD, {**GOOD[0], "item": 3, "vector": [1.0] * 4}],
        "the vector of item 3 has 4 numbers, others have 3",
    ),
    (
        "null vector",
        [{**GOOD[0], "vector": None}],
        r"column 'vector': null is not a vector \(item 2\)",
    ),
    ("empty vector", [{**GOOD[0], "vector": []}], r"column 'vector': \[\] is not a vector"),
    (
        "nan",
        [{**GOOD[0], "vector": [1.0, math.nan, 0.0]}],
        r"'vector': \[1.0, nan, 0.0\] has an element that is not a finite number .*\(item 2\)",
    ),
    ("infinite", [{**GOOD[0], "vector": [1.0, -math.inf, 0.0]}], NOT_FINITE),
    ("null number", [{**GOOD[0], "vector": [1.0, None, 0.0]}], NOT_FINITE),
    ("negative", [{**GOOD[0], "n": -1}], "column 'n': -1 is not a count"),
    ("null count", [{**GOOD[0], "n": None}], "column 'n': null is not a count"),
    ("no row", [], "has no rows"),
]


@pytest.mark.parametrize(
    ("rows", "line"), [case[1:] for case in INVALID], ids=[c[0] for c in INVALID]
)
def test_an_invalid_row_is_named_and_nothing_is_published(
    lake: Lake, by_day: Scenario, rows: list[Row], line: str
) -> None:
    write(file_of(by_day, ONE), GOOD)
    write(file_of(by_day, TWO), rows)
    with pytest.raises(InputError, match=line) as refused:
        import_snapshots(lake, by_day)
    assert str(file_of(by_day, TWO)) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert lake.days_with_any("snapshots", "tiny") == []


def test_later_days_must_have_vectors_as_long_as_earlier_ones(lake: Lake, by_day: Scenario) -> None:
    write(file_of(by_day, ONE), GOOD)
    import_snapshots(lake, by_day)
    longer = [{**row, "vector": [1.0] * 4} for row in GOOD]
    write(file_of(by_day, TWO), longer)
    with pytest.raises(InputError, match="have 4 numbers, those imported for 2026-01-01 have 3"):
        import_snapshots(lake, by_day)
    write(file_of(by_day, ONE), longer)
    assert import_snapshots(lake, by_day) == [ONE, TWO]


def test_an_invalid_day_is_named(lake: Lake, make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = imports(make_scenario(), path="t", item_id="item", vector="vector", as_of="day")
    rows = [{**GOOD[0], "day": "2026-01-01"}, {**GOOD[1], "day": "yesterday"}]
    schema = SCHEMA.append(pa.field("day", pa.string()))
    write(tmp_path / "t" / "part-0.parquet", rows, schema)
    with pytest.raises(InputError, match="column 'day': yesterday is not a date"):
        import_snapshots(lake, scenario, str(tmp_path))


def test_a_scenario_without_imports_is_refused(lake: Lake, make_scenario: MakeScenario) -> None:
    with pytest.raises(InputError, match=r"imports no snapshots: add the key snapshots\.path"):
        import_snapshots(lake, make_scenario())
