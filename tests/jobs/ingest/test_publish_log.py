"""Every raw row becomes an impression or goes to quarantine, and days are independent."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from jobs.common.errors import AuditError, InputError
from jobs.ingest.click_history import build_history
from jobs.ingest.impression_statistics import build_statistics
from jobs.ingest.publish_log import NO_DAY, ingest
from jobs.ingest.row_validation import DayCount, ValidatedLog
from jobs.lake import Lake, Partition, schemas
from jobs.lake.folds import fold_of
from jobs.ranker.rows.read_day import read_day
from jobs.scenarios import Fold, Scenario
from jobs.spark import parquet_writer
from tests.jobs.ingest.reading import all_rows, rows_of

FIRST = date(2026, 1, 30)
START = int(datetime(2026, 1, 30, tzinfo=UTC).timestamp())
A_DAY = 86_400
COLUMNS = ("id", "user", "item", "ts", "label", "place")
Rows = Sequence[tuple[str, ...]]
MakeScenario = Callable[..., Scenario]
WriteLog = Callable[..., str]


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def valid_rows(days: int, rows: int = 12) -> Rows:
    """Rows that are not in order of time, several of them with the same time."""
    made = []
    for number in range(days):
        for place in range(rows):
            key = number * rows + place
            ts = START + number * A_DAY + (key * 7919) % 5 * 1000
            made.append((str(key), str(key % 4), str(100 + key % 7), str(ts), str(key % 2), "home"))
    return made[::-1]


def test_impressions_are_in_order_and_have_the_schema(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    scenario = make_scenario(context=("place", "hour", "weekday"))
    raw = write_log(valid_rows(3))
    done = ingest(lake, scenario, raw)
    assert [(d.day, d.rows, d.quarantined) for d in done.days] == [
        (day(n), 12, 0) for n in range(3)
    ]
    for ingested in done.days:
        table = lake.read(Partition("impressions", "tiny", ingested.day))
        expected = schemas.impressions(scenario)
        assert table.schema.names == expected.names
        assert [f.type for f in table.schema if f.name != "ts"] == [
            f.type for f in expected if f.name != "ts"
        ]
        assert table.schema.field("ts").type.unit == "us"
        rows = table.to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["ts"], row["impression_id"]))
        assert {row["ts"].date() for row in rows} == {ingested.day}
        for row in rows:
            assert row["fold"] == fold_of(scenario, row["impression_id"])
            assert row["hour"] == f"{row['ts']:%H}"
            assert row["weekday"] == f"{row['ts']:%a}"


@pytest.mark.slow
def test_a_long_day_has_several_files(
    tmp_path: Path,
    make_scenario: MakeScenario,
    write_log: WriteLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows, their order, their histories and their statistics are the same as with one file."""
    log = [
        (key, user, item, str(int(ts) + int(key) % 3 * 25_000), label, place)
        for key, user, item, ts, label, place in valid_rows(2)
    ]
    scenario, raw = make_scenario(), write_log(log)
    tables = ("impressions", "history", "statistics")
    found = {}
    for rows, files in ((1000, 1), (3, 3)):
        monkeypatch.setattr(parquet_writer, "FILE_ROWS", rows)
        lake = Lake(str(tmp_path / f"lake of {files}"))
        ingest(lake, scenario, raw)
        build_history(lake, scenario, day(1))
        build_statistics(lake, scenario, day(1))
        impressions = Partition("impressions", "tiny", FIRST)
        assert len(lake.require(impressions, "").files) == files
        chunks = read_day(lake, scenario, FIRST, Fold)
        read = [(chunk.impressions.to_pylist(), chunk.clicks.items.to_pylist()) for chunk in chunks]
        found[files] = (
            [row for table in tables for row in all_rows(lake, table)],
            [row for rows, _ in read for row in rows],
            [item for _, items in read for item in items],
        )
    assert found[1] == found[3]
    assert found[1][2]


def test_a_log_that_changes_while_it_is_read_is_not_published(
    lake: Lake,
    make_scenario: MakeScenario,
    write_log: WriteLog,
    monkeypatch: pytest.MonkeyPatch,
    published_bytes: Callable[..., dict[str, bytes]],
) -> None:
    scenario, raw = make_scenario(), write_log(valid_rows(2))
    ingest(lake, scenario, raw)
    before = published_bytes(lake)
    counts = ValidatedLog.counts

    def counts_before_change(validated: ValidatedLog) -> dict[date, DayCount]:
        found = counts(validated)
        write_log([*valid_rows(2), ("777", "1", "10", str(START), "1", "home")])
        return found

    monkeypatch.setattr(ValidatedLog, "counts", counts_before_change)
    with pytest.raises(AuditError, match=r"tiny changed .* 2026-01-30 had 12 impressions, then 13"):
        ingest(lake, scenario, raw)
    assert published_bytes(lake) == before


def test_folds_equal_their_definition(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    scenario = make_scenario(ids="string")
    ids = [f"é-{number}" for number in range(400)]
    raw = write_log([(key, "u", "i", str(START), "1", "home") for key in ids])
    ingest(lake, scenario, raw)
    folds = {row["impression_id"]: row["fold"] for row in all_rows(lake, "impressions")}
    assert folds == {key: fold_of(scenario, key) for key in ids}
    assert set(folds.values()) == set(Fold)


def test_the_session_is_left_running(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog, spark: SparkSession
) -> None:
    ingest(lake, make_scenario(), write_log(valid_rows(1)))
    assert spark.range(3).count() == 3


DIRTY = st.tuples(
    st.sampled_from(["1", "2", "3", "4", "", "x", "5", "6", "7"]),
    st.sampled_from(["1", "2", " 3", "", "1.5", "nobody"]),
    st.sampled_from(["10", "11", "", "9999999999999999999"]),
    st.sampled_from(
        [str(START), str(START + 50.25), str(START + A_DAY), "", "soon", "0", "NaN", "9" * 17]
    ),
    st.sampled_from(["0", "1", "1.0", "2", "", "NaN", "yes", "-1"]),
    st.sampled_from(["home", "", "work, far"]),
)
DIRTY_ROWS = st.lists(
    st.builds(lambda row, width: row[:width], DIRTY, st.sampled_from([6, 6, 6, 6, 2, 4])),
    min_size=150,
    max_size=250,
)
# Each day has an impression, as the first and the last day of a log are those with one, and both
# labels occur.
ALWAYS_VALID = [
    ("900", "1", "10", str(START), "1", "home"),
    ("901", "1", "10", str(START + A_DAY), "0", "home"),
]


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(dirty=DIRTY_ROWS)
def test_every_raw_row_is_published_once(
    dirty: Rows,
    tmp_path_factory: pytest.TempPathFactory,
    make_scenario: MakeScenario,
    write_log: WriteLog,
) -> None:
    """As an impression or as a quarantined row with its reason, like a plain loop finds them."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    raw_rows = [*ALWAYS_VALID, *dirty]
    done = ingest(lake, make_scenario(), write_log(raw_rows))
    kept, rejected = validated_by_loop(raw_rows)
    found = [
        (row["impression_id"], row["user_id"], row["item_id"], row["ts"], row["label"])
        for row in all_rows(lake, "impressions")
    ]
    assert sorted(found) == sorted(kept)
    reasons = Counter(
        (ds, row["reason"], row["row"])
        for ds in lake.days("quarantine", "tiny")
        for row in rows_of(lake, "quarantine", ds)
    )
    assert reasons == Counter(rejected)
    assert len(found) + reasons.total() == len(raw_rows)
    assert sum(d.rows for d in done.days) == len(found)
    assert done.quarantined == reasons.total()


def validated_by_loop(
    raw_rows: Rows,
) -> tuple[list[tuple[int, int, int, datetime, int]], list[tuple[date, str, str]]]:
    kept: dict[tuple[date, int], tuple[str, tuple[int, int, int, datetime, int]]] = {}
    rejected: list[tuple[date, str, str]] = []
    for raw in raw_rows:
        if len(raw) != len(COLUMNS):
            text = json.dumps({"line": csv_line(raw)}, separators=(",", ":"))
            rejected.append((NO_DAY, f"{len(raw)} columns where the file has 6", text))
            continue
        cells = dict(zip(COLUMNS, raw, strict=True))
        text = json.dumps({k: v for k, v in cells.items() if v != ""}, separators=(",", ":"))
        key, user, item = (whole(cells[name]) for name in ("id", "user", "item"))
        ts = timestamp(cells["ts"])
        label = {"0": 0, "1": 1, "1.0": 1}.get(cells["label"])
        ds = NO_DAY if ts is None else ts.date()
        if user is None:
            rejected.append((ds, "null or unreadable user_id", text))
        elif item is None:
            rejected.append((ds, "null or unreadable item_id", text))
        elif ts is None:
            rejected.append((ds, "null or unreadable ts", text))
        elif key is None:
            rejected.append((ds, "null or unreadable impression_id", text))
        elif label is None:
            shown = cells["label"] or "null"
            rejected.append((ds, f"label {shown} is outside {{0, 1}}", text))
        else:
            row = (text, (key, user, item, ts, label))
            first, *others = sorted(filter(None, [kept.get((ds, key)), row]))
            kept[ds, key] = first
            rejected += [(ds, "duplicate impression_id", other[0]) for other in others]
    return [row for _, row in kept.values()], rejected


def csv_line(raw: Sequence[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(raw)
    return stream.getvalue()


def whole(text: str) -> int | None:
    fits = re.fullmatch(r"\s*-?\d+\s*", text) and abs(int(text)) < 2**63
    return int(text) if fits else None


def timestamp(text: str) -> datetime | None:
    """A time on the first day of the epoch stands for a missing time."""
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not A_DAY <= float(text) < 4102444800:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(text))


def test_derived_ids_consist_of_user_item_and_time(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    columns = {"user_id": "user", "item_id": "item", "ts": "ts", "label": "label"}
    scenario = make_scenario(columns=columns, context=())
    rows = [("7", "8", f"{START}.5", "1"), ("7", "8", f"{START}.5", "0")]
    ingest(lake, scenario, write_log(rows, columns=("user", "item", "ts", "label")))
    found = all_rows(lake, "impressions")
    assert [row["impression_id"] for row in found] == [f"7-8-{START}500000"]
    assert [row["label"] for row in found] == [0]
    reasons = [row["reason"] for row in rows_of(lake, "quarantine", FIRST)]
    assert reasons == ["duplicate impression_id"]


@pytest.fixture
def write_days(write_log: WriteLog) -> Callable[[Rows], str]:
    """Write rows as a log with one path per day."""

    def write(rows: Rows) -> str:
        raw = ""
        for number in sorted({(int(row[3]) - START) // A_DAY for row in rows}):
            of_day = [row for row in rows if (int(row[3]) - START) // A_DAY == number]
            raw = write_log(of_day, f"feed/{day(number)}/part-2020-01-01.csv")
        return raw

    return write


@pytest.mark.slow
def test_a_range_equals_its_days(
    tmp_path: Path,
    make_scenario: MakeScenario,
    write_days: Callable[[Rows], str],
    published_bytes: Callable[..., dict[str, bytes]],
) -> None:
    scenario = make_scenario(path="feed/{ds}")
    raw = write_days([*valid_rows(4), *valid_rows(4)[:5]])
    at_once, by_day = Lake(str(tmp_path / "at-once")), Lake(str(tmp_path / "by-day"))
    ingest(at_once, scenario, raw)
    for number in range(4):
        ingest(by_day, scenario, raw, day(number), day(number))
    once = published_bytes(at_once)
    assert once == published_bytes(by_day)
    [rejected] = at_once.days("quarantine", "tiny")
    # Data and manifest of impressions and items, and of the rows of the day that has rejected ones.
    assert len(once) == 4 * 2 * 2 + 2
    ingest(at_once, scenario, raw, day(1), day(2))
    assert published_bytes(at_once) == once
    assert len(rows_of(at_once, "quarantine", rejected)) == 5
    ingest(at_once, scenario, write_days(valid_rows(4)), rejected, rejected)
    assert rows_of(at_once, "quarantine", rejected) == []


def test_a_row_in_the_file_of_another_day_is_rejected(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    late = ("9", "1", "1", str(START + A_DAY), "1", "home")
    unread = ("8", "1", "1", "soon", "1", "home")
    raw = write_log([("1", "1", "1", str(START), "1", "home"), late, unread], f"{FIRST}.csv")
    done = ingest(lake, make_scenario(path="{ds}.csv"), raw)
    assert [(d.day, d.rows, d.quarantined) for d in done.days] == [(FIRST, 1, 2)]
    rejected = rows_of(lake, "quarantine", FIRST)
    assert [row["reason"] for row in rejected] == [
        "null or unreadable ts",
        f"ts of another day: {day(1)}",
    ]
    assert json.loads(rejected[1]["row"]) == dict(zip(COLUMNS, late, strict=True))


def test_the_day_is_read_from_the_path_below_the_raw_path(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    """A date elsewhere in the path is not the day of the rows."""
    name = f"export-2025-12-24/{FIRST}/log.csv"
    raw = write_log([("1", "1", "1", str(START), "1", "home")], name)
    done = ingest(lake, make_scenario(path="{ds}"), f"{raw}/export-2025-12-24")
    assert [(d.day, d.rows, d.quarantined) for d in done.days] == [(FIRST, 1, 0)]


def test_a_day_without_rows_between_others_is_published_empty(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    scenario = make_scenario()
    rows = [row for row in valid_rows(3) if int(row[3]) // A_DAY != START // A_DAY + 1]
    done = ingest(lake, scenario, write_log(rows))
    assert [d.rows for d in done.days] == [12, 0, 12]
    empty = lake.read(Partition("impressions", "tiny", day(1)))
    assert empty.num_rows == 0
    assert empty.schema.names == schemas.impressions(scenario).names


def test_a_day_outside_the_log_is_refused(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    raw = write_log(valid_rows(2))
    with pytest.raises(InputError, match="no valid row from 2026-02-20 to 2026-02-20"):
        ingest(lake, make_scenario(), raw, date(2026, 2, 20), date(2026, 2, 20))
    assert lake.days("impressions", "tiny") == []
    done = ingest(lake, make_scenario(), raw, FIRST, date(2026, 2, 20))
    assert [d.day for d in done.days] == [day(0), day(1)]


def test_items_are_published_once_with_their_content(
    lake: Lake, make_scenario: MakeScenario, write_log: WriteLog
) -> None:
    items = {"path": "items.csv", "item_id": "item", "title": "name", "category": "kind"}
    scenario = make_scenario(items=items)
    named = [("100", "a film", "drama"), ("100", "A film", "drama"), ("101", "two", "")]
    write_log(named, "items.csv", columns=("item", "name", "kind"))
    raw = write_log(valid_rows(3))
    for number in range(3):
        ingest(lake, scenario, raw, day(number), day(number))
    impressions = all_rows(lake, "impressions")
    found = {row["item_id"]: row for row in all_rows(lake, "items")}
    assert len(found) == len(all_rows(lake, "items"))
    assert set(found) == {row["item_id"] for row in impressions}
    for item, row in found.items():
        assert row["first_seen"] == min(r["ts"] for r in impressions if r["item_id"] == item)
    assert (found[100]["title"], found[100]["category"]) == ("A film", "drama")
    assert (found[101]["title"], found[101]["category"]) == ("two", None)
    assert found[102]["title"] is None
