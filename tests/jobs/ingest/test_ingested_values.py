"""How ingest converts labels and times in the formats of logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.ingest.publish_log import NO_DAY, ingest
from jobs.lake import Lake
from jobs.scenarios import Scenario
from tests.jobs.ingest.reading import Row, all_rows, rows_of

FIRST = date(2026, 1, 30)
START = int(datetime(2026, 1, 30, tzinfo=UTC).timestamp())
MakeScenario = Callable[..., Scenario]
WriteLog = Callable[..., str]


def test_a_label_of_nan_is_rejected(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    labels = ["NaN", "7.9", "8", "", "8e0", "inf"]
    rows = [(str(n), "1", "1", str(START), label, "") for n, label in enumerate(labels)]
    ingest(lake, make_scenario(label={"at_least": 8}), write_log(rows))
    found = {row["impression_id"]: row["label"] for row in all_rows(lake, "impressions")}
    assert found == {1: 0, 2: 1, 4: 1, 5: 1}
    reasons = [row["reason"] for row in rows_of(lake, "quarantine", FIRST)]
    assert sorted(reasons) == ["label NaN is no number", "label null is no number"]


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        ({"equals": "click"}, {"click": 1, "view": 0, "Click": 0}),
        ({"equals": 3}, {"3": 1, "3.0": 1, "4": 0}),
        ({}, {"0": 0, "1": 1, "1.0": 1}),
    ],
)
def test_label_rules(
    lake: Lake,
    make_scenario: MakeScenario,
    write_log: WriteLog,
    rule: Row,
    labels: dict[str, int],
) -> None:
    raw = write_log([(str(n), "1", "1", str(START), text, "") for n, text in enumerate(labels)])
    ingest(lake, make_scenario(label=rule), raw)
    found = {row["impression_id"]: row["label"] for row in all_rows(lake, "impressions")}
    assert list(found.values()) == list(labels.values())


@pytest.mark.parametrize(
    ("unit", "micros"),
    [
        ("s", {f"{START}": 0, f"{START}.000125": 125, "1.7697312E9": 0}),
        ("ms", {f"{START}250.5": 250_500}),
        ("us", {f"{START}000017": 17, f"{START}000017.9": 17}),
        (
            "timestamp",
            {"2026-01-30T00:00:00.000125Z": 125, "2026-01-30 02:00:00+02:00": 0, "2026-01-30": 0},
        ),
    ],
)
def test_units_of_time(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog, unit: str, micros: dict[str, int]
) -> None:
    raw = write_log([(str(n), "1", "1", text, "1", "") for n, text in enumerate(micros)])
    ingest(lake, make_scenario(ts_unit=unit), raw)
    start = datetime(2026, 1, 30, tzinfo=UTC)
    found = {row["impression_id"]: row["ts"] for row in all_rows(lake, "impressions")}
    assert found == {n: start + timedelta(microseconds=m) for n, m in enumerate(micros.values())}


def test_a_text_without_a_valid_date_is_not_a_time(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    """Spark would read a time without a date as a time of today, which depends on the run."""
    texts = ["12:30:00", "T12:30", "2026-02-31", "+12026-01-30", "-0001-05-05", "1970-01-01"]
    rows = [(str(n), "1", "1", text, "1", "") for n, text in enumerate(["2026-01-30", *texts])]
    done = ingest(lake, make_scenario(ts_unit="timestamp"), write_log(rows))
    assert [(d.day, d.rows) for d in done.days] == [(FIRST, 1)]
    found = rows_of(lake, "quarantine", NO_DAY)
    assert {row["reason"] for row in found} == {"null or unreadable ts"}
    assert sorted(json.loads(row["row"])["ts"] for row in found) == sorted(texts)


@pytest.mark.parametrize(
    ("unit", "zone"),
    [("ms", "UTC"), ("us", None), ("us", "America/New_York"), ("ns", None), ("ns", "UTC")],
)
def test_parquet_times(
    lake: Lake, make_scenario: MakeScenario, tmp_path: Path, unit: str, zone: str | None
) -> None:
    times = [datetime(2026, 1, 30, 23, 59, 59, 999000, tzinfo=UTC if zone else None)]
    table = parquet_rows(times).set_column(3, "ts", pa.array(times, pa.timestamp(unit, tz=zone)))
    pq.write_table(table, tmp_path / "log.parquet")
    scenario = make_scenario(path="log.parquet", format={"kind": "parquet"}, ts_unit="timestamp")
    ingest(lake, scenario, str(tmp_path))
    rows = all_rows(lake, "impressions")
    assert [row["ts"] for row in rows] == [times[0].replace(tzinfo=UTC)]
    assert [row["place"] for row in rows] == [""]


def parquet_rows(times: Sequence[datetime]) -> pa.Table:
    count = len(times)
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "user": pa.array([1] * count, pa.int32()),
            "item": pa.array([1] * count, pa.int64()),
            "ts": pa.array(times),
            "label": pa.array([True] * count),
            "place": pa.array([None] * count, pa.string()),
        }
    )
