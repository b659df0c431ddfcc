"""Rows that arrive late: found by a listing, and followed by all that is computed from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from jobs.ais.terms import AisMode
from jobs.common.day_range import DayRange, ranges_of
from jobs.common.errors import InputError
from jobs.ingest.late_days import late_days
from jobs.ingest.publish_log import ingest
from jobs.lake import Partition
from jobs.scenarios import Mode
from jobs.stages.alignment.ais import AisOptions, score_aligned
from jobs.stages.alignment.curate import curate_items
from jobs.stages.alignment.request import AlignmentRequest, alignment_kinds
from jobs.stages.ingest import INGEST, IngestStageOptions
from jobs.stages.score import score
from tests.jobs.freshness.conftest import (
    DAYS,
    LATE,
    DailyRuns,
    day,
    late_rows,
    rows_of,
    started,
    write_csv,
    write_rows,
)

FROM_THE_LOG = ("impressions", "items", "history", "statistics")
FROM_RANKERS = ("checkpoints", "snapshots", "features", "lis")
PublishedBytes = Callable[..., dict[str, bytes]]


def found_late(runs: DailyRuns) -> list[date]:
    days = runs.lake.days("impressions", "daily")
    return [one.day for one in late_days(runs.lake, runs.scenario, str(runs.raw), days)]


def without_seconds(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the manifests of results, which have the time that they took."""
    return {
        path: content
        for path, content in files.items()
        if not (path.startswith("lis/") and path.endswith(".json"))
    }


@pytest.mark.slow
def test_a_lake_that_late_rows_came_to_is_that_of_a_log_that_was_complete(
    scored: DailyRuns,
    tmp_path_factory: pytest.TempPathFactory,
    published_bytes: PublishedBytes,
) -> None:
    """Byte by byte: days, histories, statistics, rankers, preference data and results."""
    tables = (*FROM_THE_LOG, *FROM_RANKERS)
    probed = ("id_embedding", "future_popularity")
    scored.score(*probed, mode=Mode.PROBE)
    before = published_bytes(scored.lake, *tables)
    assert found_late(scored) == []
    write_rows(scored.raw, LATE, "late.csv", late_rows())
    assert found_late(scored) == [day(LATE)]

    scored.ingest(DAYS, DAYS, late=ranges_of([day(LATE)]))
    assert found_late(scored) == []
    with pytest.raises(InputError, match="the ranker of 2026-01-04 of daily is stale") as refused:
        score(scored.lake, scored.request())
    assert_refused_by_alignment(scored)
    scored.train()
    scored.score()
    scored.score(*probed, mode=Mode.PROBE)

    complete = started(tmp_path_factory.mktemp("complete"))
    for number in range(1, DAYS + 1):
        write_rows(complete.raw, number, "part.csv", rows_of(number))
    write_rows(complete.raw, LATE, "late.csv", late_rows())
    complete.ingest(1, DAYS)
    complete.train()
    complete.score()
    complete.score(*probed, mode=Mode.PROBE)

    mended = published_bytes(scored.lake, *tables)
    expected = published_bytes(complete.lake, *tables)
    assert without_seconds(mended) == without_seconds(expected)
    changed = {path for path, content in mended.items() if before.get(path) != content}
    assert {path.partition("/")[0] for path in changed} == set(tables)
    # Preference data of the second day looks two days ahead.
    earlier = [path for path in changed if f"ds={day(1)}" in path or f"ds={day(2)}" in path]
    assert {path.partition("/")[0] for path in earlier} == {"features"}
    assert "impressions and history and statistics of 2026-01-03 changed" in str(refused.value)
    assert str(refused.value).endswith(f"run lis train --scenario {scored.scenario.given_as}")


def assert_refused_by_alignment(runs: DailyRuns) -> None:
    """An encoder is neither aligned on a stale ranker nor scored with it."""
    days = DayRange(day(LATE + 2), day(LATE + 2))
    aligned_at = day(LATE + 1)
    kinds = alignment_kinds(runs.scenario, ["id_embedding"])
    with pytest.raises(InputError, match=f"the ranker of {aligned_at} of daily is stale"):
        curate_items(runs.lake, runs.scenario, AlignmentRequest(kinds, days, aligned_at))
    for mode in AisMode:
        options = AisOptions(
            as_of=days,
            preference=("id_embedding",),
            aligned_at=aligned_at,
            horizons=(1,),
            mode=(mode,),
        )
        with pytest.raises(InputError, match=f"the ranker of {aligned_at} of daily is stale"):
            score_aligned(runs.lake, runs.scenario, options)


@pytest.mark.slow
def test_a_late_file_that_cannot_be_read_holds_up_no_new_day_and_stays_late(
    scored: DailyRuns, published_bytes: PublishedBytes
) -> None:
    before = published_bytes(scored.lake, *FROM_THE_LOG)
    (scored.raw / f"ds={day(LATE)}" / "late.csv").write_text("no,such,columns\n1,2,3\n")

    scored.ingest(DAYS, DAYS, late=ranges_of([day(LATE)]))

    assert found_late(scored) == [day(LATE)]
    assert published_bytes(scored.lake, *FROM_THE_LOG) == before
    with pytest.raises(InputError, match=r"late\.csv"):
        scored.ingest(DAYS, DAYS, again=ranges_of([day(LATE)]))


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_a_log_without_days_in_its_path_is_read_once_from_the_first_late_day_on(
    tmp_path: Path,
) -> None:
    runs = started(tmp_path)
    source = runs.scenario.source.model_copy(update={"path": "log.csv"})
    scenario = runs.scenario.model_copy(update={"source": source})
    lake, raw = runs.lake, runs.raw
    rows = [row for number in (1, 2, 3) for row in rows_of(number)]
    write_csv(raw / "log.csv", rows)
    ingest(lake, scenario, str(raw))
    days = lake.days("impressions", "daily")
    assert late_days(lake, scenario, str(raw), days) == []
    write_csv(raw / "log.csv", [*rows, *late_rows(2)])
    late = late_days(lake, scenario, str(raw), days[1:])
    assert [one.day for one in late] == [day(2), day(3)]

    options = IngestStageOptions(
        raw=str(raw), start=day(3), end=day(3), late=ranges_of([day(2), day(3)])
    )
    INGEST.run(lake, scenario, options)

    rows_now = [lake.require(Partition("impressions", "daily", one), "").rows for one in days]
    assert rows_now == [40, 44, 40]
    assert late_days(lake, scenario, str(raw), days[1:]) == []


@pytest.mark.slow
def test_files_that_are_touched_make_nothing_stale(
    scored: DailyRuns, published_bytes: PublishedBytes
) -> None:
    before = published_bytes(scored.lake)
    write_rows(scored.raw, LATE, "part.csv", rows_of(LATE))
    scored.ingest(LATE, LATE)
    assert published_bytes(scored.lake) == before


@pytest.mark.slow
def test_what_a_day_was_ingested_from_is_unknown_in_a_lake_of_an_earlier_version(
    scored: DailyRuns,
) -> None:
    scored.lake.storage.remove("_raw")
    found = late_days(scored.lake, scored.scenario, str(scored.raw), [day(1), day(2)])
    assert [(one.day, one.is_unknown) for one in found] == [(day(1), True), (day(2), True)]
    assert late_days(scored.lake, scored.scenario, str(scored.raw / "gone"), [day(1)]) == []
