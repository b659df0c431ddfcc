"""What the janitor removes, and what it leaves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.evaluation.predictions import predictions_partition
from jobs.evaluation.result_store import result_partition, store_result
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import checkpoint_partition, ranker_version, snapshot_partition
from jobs.lake.partition import MANIFEST
from jobs.retention.janitor import Leftover, removals, remove
from jobs.scenarios import Scenario, SimulatedSource
from jobs.stages.upkeep.janitor import JanitorOptions, clean_lake
from tests.jobs.tracking.sample_results import make_result

FIRST = date(2026, 1, 1)
DAYS = 12
SCENARIO = Scenario.model_validate(
    {
        "name": "tiny",
        "source": SimulatedSource(),
        "horizons": [2],
        "keep_checkpoints": 5,
        "retention": {"quarantine_days": 4},
    }
)
PublishedBytes = Callable[..., dict[str, bytes]]


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def publish(lake: Lake, partition: Partition, **inputs: str) -> str:
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [str(partition)]}))
        return attempt.publish(partition, inputs=inputs).digest


@pytest.fixture
def used(lake: Lake) -> Lake:
    """Twelve days with quarantine and rankers, and a result of an early day."""
    for number in range(1, DAYS + 1):
        for table in ("impressions", "quarantine"):
            publish(lake, Partition(table, "tiny", day(number)))
        digest = publish(lake, checkpoint_partition(SCENARIO, day(number)))
        publish(lake, snapshot_partition(SCENARIO, day(number)), checkpoint=digest)
    publish(lake, Partition("quarantine", "tiny", date(1970, 1, 1)))
    version = ranker_version(SCENARIO)
    result = make_result(as_of=day(4).isoformat(), ranker_version=version, horizon=2)
    partition = result_partition("tiny", version, day(4), day(4), result.preference, result.mode, 2)
    store_result(lake, partition, result, {})
    return lake


def stopped_attempt(lake: Lake, hours: float, name: str) -> Path:
    folder = Path(lake.storage.absolute(f"_attempts/{name}"))
    (folder / "impressions").mkdir(parents=True)
    file = folder / "impressions" / "part-0.parquet"
    file.write_bytes(b"half")
    moment = time.time() - hours * 3600
    for path in (file, file.parent, folder):
        os.utime(path, (moment, moment))
    return folder


def found(lake: Lake) -> dict[Leftover, list[str]]:
    by_sort: dict[Leftover, list[str]] = {}
    for one in removals(lake, SCENARIO):
        by_sort.setdefault(one.what, []).append(one.path.rpartition("ds=")[2][:10])
    return by_sort


def test_a_dry_run_changes_nothing_and_says_how_to_remove(
    used: Lake, published_bytes: PublishedBytes, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_attempt(used, 25, "old")
    before = published_bytes(used)

    clean_lake(used, SCENARIO, JanitorOptions())

    text = capsys.readouterr().out
    assert published_bytes(used) == before
    assert Path(used.storage.absolute("_attempts/old")).exists()
    assert "rows in quarantine" in text
    assert text.endswith("To remove it, run lis janitor --scenario tiny --apply\n")


def test_quarantine_is_kept_for_its_days_and_rows_of_no_day_for_ever(used: Lake) -> None:
    assert found(used)[Leftover.QUARANTINE] == [str(day(number)) for number in range(1, 8)]
    remove(used, removals(used, SCENARIO))
    kept = used.days("quarantine", "tiny")
    assert kept == [date(1970, 1, 1), *(day(number) for number in range(8, 13))]
    forever = SCENARIO.retention.model_copy(update={"quarantine_days": None})
    assert removals(used, SCENARIO.model_copy(update={"retention": forever})) == []


def test_scores_of_rows_go_if_the_scenario_says_so(used: Lake) -> None:
    for number in (2, 9):
        for variant in ("baseline", "ranker"):
            publish(used, predictions_partition(SCENARIO, day(number), variant))
    assert Leftover.PREDICTIONS not in found(used)
    retention = SCENARIO.retention.model_copy(update={"predictions_days": 4})

    remove(used, removals(used, SCENARIO.model_copy(update={"retention": retention})))

    left = {n: len(used.keys_below("predictions", "tiny", day(n))) for n in (2, 9)}
    assert left == {2: 0, 9: 2}


def test_rankers_that_no_horizon_needs_lose_files_and_no_manifest(
    used: Lake, published_bytes: PublishedBytes
) -> None:
    """What a result was computed from stays named: its table and every manifest."""
    before = published_bytes(used)
    manifests = manifests_of(used, before)
    # Kept are the first, those whose ordinal 5 divides, and the newest through two days back.
    kept = [n for n in range(1, DAYS + 1) if n in (1, 10, 11, 12) or day(n).toordinal() % 5 == 0]
    thinned = [str(day(number)) for number in range(1, DAYS + 1) if number not in kept]
    assert found(used)[Leftover.RANKER] == found(used)[Leftover.ITEM_TABLE] == thinned

    remove(used, removals(used, SCENARIO))

    after = published_bytes(used)
    gone = set(before) - set(after)
    stayed = [path for path in after if "/_dropped/" not in path]
    assert {path: after[path] for path in stayed} == {path: before[path] for path in stayed}
    named = [path for path in gone if not path.startswith("quarantine/")]
    assert named
    assert all(path.endswith((".parquet", MANIFEST)) for path in named)
    assert {path.partition("/")[0] for path in named} == {"checkpoints", "snapshots"}
    assert manifests_of(used, named) == {
        partition: manifests[partition] for partition in manifests_of(used, named)
    }
    assert removals(used, SCENARIO) == []


def manifests_of(lake: Lake, paths: Iterable[str]) -> dict[Partition, Manifest | None]:
    """The manifest of each partition whose own is among paths."""
    suffix = f"/{MANIFEST}"
    folders = [path.removesuffix(suffix) for path in paths if path.endswith(suffix)]
    found = {one: lake.manifest(one) for one in map(Partition.parse, folders)}
    assert None not in found.values()
    return found


def test_states_of_the_newest_days_stay_and_every_fifth_older_one(used: Lake) -> None:
    for number in range(1, DAYS + 1):
        for table in ("recent_clicks", "recent_counts"):
            publish(used, Partition(table, "tiny", day(number)))
    older = [number for number in range(1, 5) if day(number).toordinal() % 5]
    assert found(used)[Leftover.STATE] == 2 * [str(day(number)) for number in older]
    assert len(older) == 3

    remove(used, removals(used, SCENARIO))

    kept = [day(number) for number in range(1, DAYS + 1) if number not in older]
    assert used.days("recent_clicks", "tiny") == used.days("recent_counts", "tiny") == kept


def test_a_ranker_without_its_item_table_keeps_its_files(used: Lake) -> None:
    publish(used, snapshot_partition(SCENARIO, day(3)), checkpoint="of another")
    assert str(day(3)) not in found(used)[Leftover.RANKER]


def test_what_a_stopped_attempt_left_goes_after_a_day_without_a_write(lake: Lake) -> None:
    old = stopped_attempt(lake, 25, "old")
    running = stopped_attempt(lake, 25, "running")
    (running / "impressions" / "part-1.parquet").write_bytes(b"just now")
    os.utime(running, (time.time() - 90_000, time.time() - 90_000))

    remove(lake, removals(lake, SCENARIO))

    assert not old.exists()
    assert running.exists()
