from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest

from jobs.common.errors import InputError
from jobs.scenarios import TableSource
from jobs.sources.log_checks import check_items, check_log
from jobs.sources.log_location import log_files
from tests.jobs.sources.logs import (
    MAPPING,
    NOON,
    csv_source,
    frame,
    table_source,
    write_csv,
    write_parquet,
)

CSV_HEADER = "user,item,time,click\n"


def check(source: TableSource, raw: Path | str) -> None:
    check_log(source, log_files(source, str(raw)))


def refusal(source: TableSource, raw: Path | str, file: Path | str) -> str:
    """The one-line error for a log; it must name the file."""
    with pytest.raises(InputError) as caught:
        check(source, raw)
    message = str(caught.value)
    assert "\n" not in message
    assert str(file) in message
    return message


@pytest.mark.parametrize("delimiter", [",", "\t", "::", "||", ";;;"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_valid_csv_passes(tmp_path: Path, delimiter: str, header: bool, name: str) -> None:
    path = write_csv(tmp_path / name, frame(), delimiter, header)
    check(csv_source(delimiter, header, ids="int64"), path)


@pytest.mark.parametrize(("ids", "kind"), [(int, "int64"), (str, "string"), (int, "string")])
def test_valid_parquet_passes(tmp_path: Path, ids: type, kind: str) -> None:
    check(table_source(ids=kind), write_parquet(tmp_path / "log.parquet", frame(ids)))


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(pd.to_datetime([NOON])),
        pd.Series(pd.to_datetime([NOON])).dt.tz_localize(None),
        pd.Series(pd.to_datetime([NOON])).dt.tz_convert("Asia/Tokyo").dt.as_unit("ms"),
        pd.Series(pd.to_datetime([NOON])).dt.date,
        pd.Series(["2026-01-31 12:00:00.250"]),
        pd.Series(["2026-01-31T12:00:00+09:00"]),
    ],
)
def test_times_of_every_type_pass(tmp_path: Path, times: pd.Series) -> None:
    rows = frame().head(1).assign(time=times)
    check(table_source(), write_parquet(tmp_path / "log.parquet", rows))


@pytest.mark.parametrize("labels", [[True, False, True], [1.0, 0.0, 1.0], ["1", "0", "1"]])
def test_labels_of_every_type_pass(tmp_path: Path, labels: list[Any]) -> None:
    check(table_source(), write_parquet(tmp_path / "log.parquet", frame().assign(click=labels)))


def test_a_label_may_be_text_if_the_rule_has_a_text(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame().assign(click=["like", "skip", "like"]))
    check(table_source(label={"equals": "like"}), path)
    assert "column 'click' holds 'like' where label needs a number" in refusal(
        table_source(), path, path
    )


def test_a_log_with_one_path_per_day_and_a_folder_of_files_pass(tmp_path: Path) -> None:
    for day in ("2026-01-30", "2026-01-31"):
        write_parquet(tmp_path / f"ds={day}" / "part-0.parquet", frame())
        write_parquet(tmp_path / f"ds={day}" / "part-1.parquet", frame())
    check(table_source(path="ds={ds}"), tmp_path)
    check(table_source(), tmp_path)


def test_nulls_before_the_first_value_pass(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", frame().assign(user=["", "7", "8"]))
    check(csv_source(ids="int64"), path)


@pytest.mark.parametrize("role", ["user_id", "item_id", "ts", "label", "impression_id"])
def test_a_missing_column_is_named_with_the_existing_ones(tmp_path: Path, role: str) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame())
    source = table_source(columns={**MAPPING, role: "gone"})
    message = refusal(source, path, path)
    assert f"no column 'gone' for {role}; it has user, item, time, click" in message


def test_a_missing_context_column_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame())
    source = table_source(columns={**MAPPING, "context": {"place": "gone"}})
    assert "no column 'gone' for context.place" in refusal(source, path, path)


@pytest.mark.parametrize("delimiter", [",", "::"])
def test_a_wrong_delimiter_reads_as_a_missing_column(tmp_path: Path, delimiter: str) -> None:
    path = write_csv(tmp_path / "log.csv", frame(), ";")
    assert "no column 'user' for user_id" in refusal(csv_source(delimiter), path, path)


def test_a_position_after_the_last_column_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", frame(), header=False)
    source = csv_source(header=False, columns={"user_id": 0, "item_id": 1, "ts": 2, "label": 9})
    assert "no column 9 for label; it has _c0, _c1, _c2, _c3" in refusal(source, path, path)


@pytest.mark.parametrize(
    ("column", "value", "options", "line"),
    [
        ("user", "anna", {"ids": "int64"}, "'anna' where user_id needs a whole number"),
        ("item", "i-1", {"ids": "int64"}, "'i-1' where item_id needs a whole number"),
        ("time", "noon", {}, "'noon' where ts needs a date or time"),
        ("time", NOON, {"ts_unit": "s"}, "needs a number (ts_unit is s)"),
        ("click", "yes", {}, "'yes' where label needs a number"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_wrong_type_is_named_with_column_and_value(
    tmp_path: Path, column: str, value: str, options: dict[str, Any], line: str, form: str
) -> None:
    rows = frame().assign(**{column: value})
    if form == "csv":
        source, path = csv_source(**options), write_csv(tmp_path / "log.csv", rows)
    else:
        source, path = table_source(**options), write_parquet(tmp_path / "log.parquet", rows)
    message = refusal(source, path, path)
    assert f"column {column!r} holds" in message
    assert line in message


def test_a_time_column_of_epoch_numbers_needs_a_unit(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame().assign(time=1769860800))
    assert "'1769860800' where ts needs a date or time" in refusal(table_source(), path, path)
    check(table_source(ts_unit="s"), path)


def test_a_bool_is_not_an_id(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame().assign(user=True))
    message = refusal(table_source(ids="int64"), path, path)
    assert "column 'user' is bool, which is no id" in message


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.parquet"])
def test_an_empty_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    source = table_source() if path.suffix == ".parquet" else csv_source()
    assert "is empty (0 bytes)" in refusal(source, path, path)


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.parquet"])
def test_a_file_with_only_a_header_is_named(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        source, path = table_source(), write_parquet(tmp_path / name, frame().head(0))
    else:
        source, path = csv_source(), write_csv(tmp_path / name, frame().head(0))
    assert "has no rows" in refusal(source, path, path)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
def test_a_truncated_file_among_valid_ones_is_named(tmp_path: Path, keep: float) -> None:
    write_parquet(tmp_path / "a.parquet", frame())
    bad = write_parquet(tmp_path / "b.parquet", frame())
    write_parquet(tmp_path / "c.parquet", frame())
    content = bad.read_bytes()
    bad.write_bytes(content[: int(len(content) * keep)])
    assert "not a complete Parquet file (truncated?)" in refusal(table_source(), tmp_path, bad)


def test_text_in_a_file_named_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    path.write_text(CSV_HEADER + "1,2,3,0\n" * 20)
    assert "not a complete Parquet file" in refusal(table_source(), path, path)


def test_a_truncated_gzip_file_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv.gz", frame())
    path.write_bytes(path.read_bytes()[:-12])
    assert "not a complete gzip file (truncated?)" in refusal(csv_source(), path, path)


def test_plain_text_in_a_file_named_gz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_text(CSV_HEADER + "1,2,3,0\n")
    assert "is not a gzip file" in refusal(csv_source(), path, path)


def test_a_log_larger_than_the_sample_passes(tmp_path: Path) -> None:
    rows = "1,2,2026-01-31,0\n" * 100_000
    path = tmp_path / "log.csv"
    path.write_text(CSV_HEADER + rows)
    assert path.stat().st_size > 1 << 20
    check(csv_source(), path)


def test_items_are_checked_like_the_log(tmp_path: Path) -> None:
    source = table_source(items={"path": "items.parquet", "item_id": "item", "title": "name"})
    path = write_parquet(tmp_path / "items.parquet", pd.DataFrame({"item": [1], "name": ["film"]}))
    files = check_items(source, str(tmp_path))
    assert files is not None
    assert [part.path for part in files.parts] == [path.name]
    write_parquet(path, pd.DataFrame({"item": [1]}))
    with pytest.raises(InputError, match=r"no column 'name' for items\.title"):
        check_items(source, str(tmp_path))
    path.unlink()
    with pytest.raises(InputError, match=r"no items at .*items\.parquet"):
        check_items(source, str(tmp_path))
    assert check_items(table_source(), str(tmp_path)) is None


def test_a_log_in_object_storage_is_checked(tmp_path: Path, bucket: str) -> None:
    store, name = boto3.client("s3"), bucket.removeprefix("s3://")
    good = write_parquet(tmp_path / "log.parquet", frame())
    store.upload_file(str(good), name, "raw/ds=2026-01-30/log.parquet")
    source = table_source(path="ds={ds}")
    check(source, f"{bucket}/raw")
    store.put_object(Bucket=name, Key="raw/ds=2026-01-31/log.parquet", Body=good.read_bytes()[:99])
    message = refusal(source, f"{bucket}/raw", f"{name}/raw/ds=2026-01-31/log.parquet")
    assert "truncated?" in message
