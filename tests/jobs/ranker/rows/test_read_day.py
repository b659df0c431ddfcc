from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import AuditError, InputError
from jobs.lake import Lake, Partition
from jobs.ranker.rows import read_day as day_module
from jobs.ranker.rows.read_day import _last_clicks, read_day, require_day
from jobs.scenarios import Scenario

DAY = date(2026, 1, 1)
STATISTICS = Partition("statistics", "tiny", DAY)
Rows = list[dict[str, Any]]


@settings(deadline=None, max_examples=80)
@given(
    histories=st.lists(st.one_of(st.none(), st.lists(st.integers(0, 99)))),
    length=st.integers(0, 4),
)
def test_a_history_has_the_last_lineage_clicks_newest_first(
    histories: list[list[int] | None], length: int
) -> None:
    batch = pa.record_batch({"lineage_items": pa.array(histories, pa.list_(pa.int64()))})
    start = len(histories) // 3
    clicks = _last_clicks(batch.slice(start), length)
    expected = {}
    for row, history in enumerate(histories[start:]):
        for position, item in enumerate((history or [])[::-1][:length]):
            expected[row, position] = item
    found = zip(clicks.row.tolist(), clicks.position.tolist(), strict=True)
    assert dict(zip(found, clicks.items.to_pylist(), strict=True)) == expected


def test_the_given_folds_are_read_in_order(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    log = make_log(days=1)
    publish_log(lake, scenario, log)
    chunks = list(read_day(lake, scenario, DAY, {"eval", "fit"}))
    found = [row for chunk in chunks for row in chunk.impressions["impression_id"].to_pylist()]
    assert found == [row["impression_id"] for row in log if row["fold"] != "lineage"]


def test_a_ranker_without_clicks_reads_no_history(
    lake: Lake,
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> None:
    scenario, without_clicks = with_options(), with_options(history_length=0)
    publish_log(lake, scenario, make_log(days=1))
    (with_clicks,) = read_day(lake, scenario, DAY, {"lineage"})
    for file in Path(lake.storage.absolute("history")).rglob("*.parquet"):
        file.unlink()
    (without,) = read_day(lake, without_clicks, DAY, {"lineage"})
    assert without.impressions.equals(with_clicks.impressions)
    assert len(with_clicks.clicks.items) > 0
    assert without.clicks.items.equals(with_clicks.clicks.items[:0])


@pytest.mark.parametrize("rows_at_once", [3, 1_000])
def test_the_same_rows_of_the_lineage_are_drawn_and_all_others_kept(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    rows_at_once: int,
) -> None:
    log = make_log(days=1)
    publish_log(lake, scenario, log)
    whole = list(read_day(lake, scenario, DAY, {"eval", "lineage"}, seen_rows=10))
    monkeypatch.setattr(day_module, "CHUNK_ROWS", rows_at_once)
    found = [
        row
        for chunk in read_day(lake, scenario, DAY, {"eval", "lineage"}, seen_rows=10)
        for row in chunk.impressions.select(["impression_id", "fold"]).to_pylist()
    ]
    assert found == whole[0].impressions.select(["impression_id", "fold"]).to_pylist()
    by_fold = {fold: [row for row in log if row["fold"] == fold] for fold in ("eval", "lineage")}
    kept = [row for row in found if row["fold"] == "lineage"]
    assert len(found) - len(kept) == len(by_fold["eval"])
    assert 0 < len(kept) < len(by_fold["lineage"])


def test_a_short_fold_is_kept_whole(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    log = make_log(days=1)
    publish_log(lake, scenario, log)
    chunks = read_day(lake, scenario, DAY, {"eval", "fit", "lineage"}, seen_rows=len(log))
    assert sum(map(len, chunks)) == len(log)


@pytest.mark.parametrize("cuts", [(0, 40), (7, 40), (0, 13, 14, 40)])
def test_history_may_be_split_into_other_files(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    cuts: tuple[int, ...],
) -> None:
    publish_log(lake, scenario, make_log(days=1))
    whole = read_all(lake, scenario)
    partition = Partition("history", scenario.name, DAY)
    table = lake.read(partition)
    with lake.attempt([partition]) as attempt:
        for part, (start, end) in enumerate(zip((0, *cuts), (*cuts, 40), strict=True)):
            attempt.write_table(f"part-{part:05d}.parquet", table.slice(start, end - start))
        attempt.publish(partition, inputs={})
    monkeypatch.setattr(day_module, "CHUNK_ROWS", 11)
    assert read_all(lake, scenario) == whole


def read_all(lake: Lake, scenario: Scenario) -> list[tuple[int, list[int]]]:
    rows = []
    for chunk in read_day(lake, scenario, DAY, {"eval", "fit", "lineage"}):
        for row, identity in enumerate(chunk.impressions["impression_id"].to_pylist()):
            clicks = chunk.clicks
            of_row = {int(clicks.position[i]): i for i in (clicks.row == row).nonzero()[0]}
            rows.append((identity, [clicks.items[of_row[s]].as_py() for s in sorted(of_row)]))
    return rows


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 1], [0, 1, 2, 2]])
def test_a_history_of_other_rows_is_rejected(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    order: list[int],
) -> None:
    publish_log(lake, scenario, make_log(days=1, rows=3))
    partition = Partition("history", scenario.name, DAY)
    table = lake.read(partition).take(order)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs={})
    with pytest.raises(AuditError, match="history"):
        list(read_day(lake, scenario, DAY, {"lineage"}))


def test_statistics_are_those_of_the_rows(
    lake: Lake,
    scenario: Scenario,
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_log(lake, scenario, make_log(days=1))
    monkeypatch.setattr(day_module, "CHUNK_ROWS", 7)
    stored = {row["impression_id"]: row for row in lake.read(STATISTICS).to_pylist()}
    for chunk in read_day(lake, scenario, DAY, {"eval", "lineage"}, seen_rows=10):
        ids = chunk.impressions["impression_id"].to_pylist()
        assert chunk.statistics.to_pylist() == [stored[identity] for identity in ids]
    without = with_options(statistics=False)
    assert list(require_day(lake, without, DAY)) == ["impressions", "history"]
    assert all(chunk.statistics is None for chunk in read_day(lake, without, DAY, {"lineage"}))


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 1]])
def test_statistics_of_other_rows_are_rejected(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    order: list[int],
) -> None:
    publish_log(lake, scenario, make_log(days=1, rows=3))
    table = lake.read(STATISTICS).take(order)
    with lake.attempt([STATISTICS]) as attempt:
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(STATISTICS, inputs={})
    with pytest.raises(AuditError, match="statistics"):
        list(read_day(lake, scenario, DAY, {"lineage"}))


def test_an_empty_day_has_no_chunks(
    lake: Lake, scenario: Scenario, publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, [])
    assert list(read_day(lake, scenario, DAY, {"lineage"})) == []


def test_a_missing_day_names_the_command(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, make_log(days=1))
    found = require_day(lake, scenario, DAY)
    assert {table: manifest.rows for table, manifest in found.items()} == {
        "impressions": 40,
        "history": 40,
        "statistics": 40,
    }
    command = "ingest --scenario tiny --raw PATH --start 2026-01-02 --end"
    with pytest.raises(InputError, match=command):
        require_day(lake, scenario, DAY + timedelta(days=1))
