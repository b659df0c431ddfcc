from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pandas as pd
import pytest

from jobs.common.errors import InputError
from jobs.scenarios import Scenario, SimulatedSource, TableSource, load_scenario
from jobs.sources.log_span import log_span
from tests.jobs.sources.logs import (
    DAYS,
    MAPPING,
    NOON,
    csv_source,
    frame,
    table_source,
    write_csv,
    write_parquet,
)

SPAN = (DAYS[0], DAYS[-1])


def span(source: TableSource, raw: Path | str) -> tuple[date, date]:
    return log_span(Scenario(name="tiny", source=source), str(raw))


def refusal(source: TableSource, raw: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        span(source, raw)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", "\t", "::", "||"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_span_of_csv(tmp_path: Path, delimiter: str, header: bool, name: str) -> None:
    path = write_csv(tmp_path / name, frame(), delimiter, header)
    assert span(csv_source(delimiter, header), path) == SPAN


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_span_of_numeric_times_includes_the_last_moment_of_a_day(
    tmp_path: Path, unit: str, per_second: int, form: str
) -> None:
    moments = [datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    first, after = (int(moment.timestamp()) * per_second for moment in moments)
    rows = frame().head(2).assign(time=[after - 1, first])
    if form == "csv":
        path, source = write_csv(tmp_path / "log.csv", rows), csv_source(ts_unit=unit)
    else:
        path, source = write_parquet(tmp_path / "log.parquet", rows), table_source(ts_unit=unit)
    assert span(source, path) == (date(2026, 1, 31), date(2026, 1, 31))


@pytest.mark.parametrize(
    "times",
    [
        frame()["time"],
        frame()["time"].dt.tz_localize(None),
        frame()["time"].dt.tz_convert("Asia/Tokyo"),
        frame()["time"].dt.as_unit("ns") + pd.Timedelta(1, "ns"),
        frame()["time"].dt.date,
        frame()["time"].map(lambda moment: moment.isoformat()),
        pd.Series(["", *frame()["time"].map(lambda moment: moment.isoformat())[[0, 2]]]),
    ],
)
def test_span_of_parquet_times_in_every_form(tmp_path: Path, times: pd.Series) -> None:
    path = write_parquet(tmp_path / "log.parquet", frame().assign(time=times))
    assert span(table_source(), path) == SPAN


def test_span_of_several_files_one_of_them_without_times(tmp_path: Path) -> None:
    nulls = frame(days=DAYS[:1]).assign(time=pd.Series([None], dtype="datetime64[us, UTC]"))
    write_parquet(tmp_path / "a.parquet", nulls)
    for position, day in enumerate(DAYS):
        write_parquet(tmp_path / f"b{position}.parquet", frame(days=(day,)))
    assert span(table_source(), tmp_path) == SPAN


def test_span_of_a_log_with_one_path_per_day_is_read_from_the_paths(tmp_path: Path) -> None:
    for day in DAYS:
        write_parquet(tmp_path / f"ds={day}" / "part-0.parquet", frame())
    assert span(table_source(path="ds={ds}"), tmp_path) == SPAN


def test_span_of_a_log_in_object_storage(tmp_path: Path, bucket: str) -> None:
    store, name = boto3.client("s3"), bucket.removeprefix("s3://")
    store.upload_file(str(write_parquet(tmp_path / "a", frame())), name, "log/a.parquet")
    store.upload_file(str(write_csv(tmp_path / "b.gz", frame())), name, "log.csv.gz")
    assert span(table_source(path="log"), bucket) == SPAN
    assert span(csv_source(path="log.csv.gz"), bucket) == SPAN


def test_the_simulated_feed_extends_from_its_schedule_to_yesterday() -> None:
    scenario = load_scenario("simulated_feed")
    assert isinstance(scenario.source, SimulatedSource)
    before = datetime.now(UTC).date() - timedelta(days=1)
    first, last = log_span(scenario, "unused")
    assert first == scenario.schedule.start
    assert before <= last <= datetime.now(UTC).date() - timedelta(days=1)


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_a_log_without_the_time_column_is_named(tmp_path: Path, name: str) -> None:
    if name == "log.csv":
        path = write_csv(tmp_path / name, frame())
        source = csv_source(columns={**MAPPING, "ts": "gone"})
    else:
        path = write_parquet(tmp_path / name, frame())
        source = table_source(columns={**MAPPING, "ts": "gone"})
    line = refusal(source, path)
    assert f"{path}: no column 'gone' for ts; it has user, item, time, click" in line


def test_a_time_named_in_a_csv_without_header_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", frame(), header=False)
    columns = {"user_id": 0, "item_id": 1, "ts": "time", "label": 3}
    source = csv_source(header=False, columns=columns)
    assert "no column 'time' for ts; it has _c0, _c1, _c2, _c3" in refusal(source, path)


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.parquet"])
def test_a_broken_or_empty_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    source = table_source() if name == "log.parquet" else csv_source()
    assert f"{path} is empty (0 bytes)" in refusal(source, path)
    if name == "log.csv":
        return
    write = write_parquet if name == "log.parquet" else write_csv
    path.write_bytes(write(path, frame()).read_bytes()[:-12])
    assert f"{path} is not a complete" in refusal(source, path)


@pytest.mark.parametrize(
    ("time", "problem"),
    [("noon", "'noon' where ts needs a date or time"), ("", "no time in the log can be read")],
)
def test_times_that_cannot_be_read_are_refused(tmp_path: Path, time: str, problem: str) -> None:
    csv = write_csv(tmp_path / "log.csv", frame().assign(time=time))
    parquet = write_parquet(tmp_path / "log.parquet", frame().assign(time=time))
    assert problem in refusal(csv_source(), csv)
    assert problem in refusal(table_source(), parquet)


def test_milliseconds_read_as_seconds_are_refused(tmp_path: Path) -> None:
    milliseconds = int(pd.Timestamp(NOON).timestamp() * 1000)
    path = write_parquet(tmp_path / "log.parquet", frame().assign(time=milliseconds))
    assert "set source.ts_unit: ms" in refusal(table_source(ts_unit="s"), path)


@pytest.mark.parametrize("source", [table_source(), csv_source(), table_source(path="ds={ds}")])
def test_a_missing_log_is_refused(tmp_path: Path, source: TableSource) -> None:
    assert str(tmp_path) in refusal(source, tmp_path / "gone")
