"""Rows of a log in the columns of the contract, or with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.scenarios import Scenario, TableSource
from jobs.sources.contract.impression_rows import NO_DAY, ImpressionRows, derived_ids
from jobs.sources.log_checks import check_log
from jobs.sources.log_location import log_files
from tests.jobs.sources.logs import MAPPING, NOON, csv_source, table_source

HEADER = "user,item,time,click,place\n"


def rows_of(
    source: TableSource, raw: Path, context: tuple[str, ...] = (), with_row: bool = False
) -> list[dict[str, Any]]:
    scenario = Scenario(name="tiny", source=source, context=context)
    table = check_log(source, log_files(source, str(raw)))
    reader = ImpressionRows(table, source, scenario, with_row)
    return [
        row for part in table.parts for batch in reader.batches(part) for row in batch.to_pylist()
    ]


def write(path: Path, *lines: str) -> Path:
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def in_csv(**changes: Any) -> TableSource:
    return csv_source(columns={**MAPPING, "context": {"place": "place"}}, **changes)


def test_each_row_is_an_impression_or_has_a_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.csv",
        f"u,i,{NOON},1,home",
        f",i,{NOON},1,home",
        f"nan,i,{NOON},1,NULL",
        f"u,,{NOON},1,home",
        "u,i,noon,1,home",
        "u,i,1980-01-01,1,home",
        f"u,i,{NOON},2,home",
        f"u,i,{NOON},,home",
        f"u,i,{NOON}",
    )
    found = rows_of(in_csv(), path)
    assert [row["reason"] for row in found] == [
        None,
        "null or unreadable user_id",
        "null or unreadable user_id",
        "null or unreadable item_id",
        "null or unreadable ts",
        "ts before 1990 or after 2099: 1980-01-01 00:00:00",
        "label 2 is outside {0, 1}",
        "label null is outside {0, 1}",
        "3 columns where the file has 5",
    ]
    assert [row["null_words"] for row in found] == [0, 0, 2, 0, 0, 0, 0, 0, None]
    assert found[0]["row"] is None
    assert found[1]["row"] == f'{{"item":"i","time":"{NOON}","click":"1","place":"home"}}'
    assert found[8]["row"] == f'{{"line":"u,i,{NOON}"}}'
    assert found[4]["_day"] == NO_DAY
    assert rows_of(in_csv(), path, with_row=True)[0]["row"].startswith('{"user":"u","item":"i"')


def test_words_for_nulls_are_an_option(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", f"None,i,{NOON},1,null", f"u,i,{NOON},0,x")
    found = rows_of(in_csv(null_values=[]), path, ("place",))
    assert [(row["user_id"], row["place"]) for row in found] == [("None", "null"), ("u", "x")]
    found = rows_of(in_csv(null_values=["x"]), path, ("place",))
    assert [(row["user_id"], row["place"]) for row in found] == [("None", "null"), ("u", "")]


def test_hour_and_weekday_are_derived_unless_they_are_mapped(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", f"u,i,{NOON},1,17")
    [row] = rows_of(in_csv(), path, ("hour", "weekday"))
    assert (row["hour"], row["weekday"]) == ("12", "Sat")
    columns: Mapping[str, Any] = {**MAPPING, "context": {"hour": "place"}}
    [row] = rows_of(csv_source(columns=columns), path, ("hour", "weekday"))
    assert (row["hour"], row["weekday"]) == ("17", "Sat")


def test_a_context_value_has_one_text_in_all_files(tmp_path: Path) -> None:
    for name, places in (("a", pa.array([3])), ("b", pa.array([3.0]))):
        columns = {"user": ["u"], "item": ["i"], "time": [NOON], "click": [1], "place": places}
        pq.write_table(pa.table(columns), tmp_path / name)
    source = table_source(columns={**MAPPING, "context": {"place": "place"}})
    assert [row["place"] for row in rows_of(source, tmp_path, ("place",))] == ["3", "3"]


def test_the_day_in_the_path_counts(tmp_path: Path) -> None:
    for day in ("2026-01-30", "2026-01-31"):
        (tmp_path / f"ds={day}").mkdir()
        write(tmp_path / f"ds={day}" / "log.csv", f"u,i,{NOON},1,home", "u,i,,1,home")
    found = rows_of(in_csv(path="ds={ds}"), tmp_path)
    assert [(str(row["_day"]), row["reason"]) for row in found] == [
        ("2026-01-30", "ts of another day: 2026-01-31"),
        ("2026-01-30", "null or unreadable ts"),
        ("2026-01-31", None),
        ("2026-01-31", "null or unreadable ts"),
    ]


def test_an_error_beyond_the_sample_is_a_row(tmp_path: Path) -> None:
    lines = [f"u,i,{NOON},1,home"] * 1500 + ["u,i,31.01.2026,1,home"]
    found = rows_of(in_csv(), write(tmp_path / "log.csv", *lines))
    assert "log.csv: column 'time' holds '31.01.2026'" in found[-1]["refusal"]


def test_derived_ids_of_two_rows_differ() -> None:
    users, items = ["x-1", "x", "x\\", "x\\-1", "plain"], ["2", "1-2", "-1-2", "2", "i-1"]
    ts = pa.array([5] * 5, pa.timestamp("us", tz="UTC"))
    found = derived_ids(pa.array(users), pa.array(items), ts).to_pylist()
    assert len(set(found)) == 5
    assert found[4] == "plain-i-1-5"
    numbers = derived_ids(pa.array([-1, 1]), pa.array([2, -2]), ts[:2])
    assert numbers.to_pylist() == ["-1-2-5", "1--2-5"]
    assert derived_ids(pa.array(["a", None]), pa.array(["b", "b"]), ts[:2]).to_pylist() == [
        "a-b-5",
        None,
    ]
