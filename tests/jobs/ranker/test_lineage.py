import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import (
    checkpoint_days,
    checkpoint_partition,
    ranker_version,
    ranker_versions,
)
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario

FIRST = date(2026, 1, 1)
Rows = list[dict[str, Any]]
Files = dict[str, bytes]


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def train(lake: Lake, scenario: Scenario, through: int, **options: Any) -> list[date]:
    return extend_lineage(lake, scenario, day(through), progress=False, **options)


@pytest.fixture
def published(
    tmp_path: Path,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> Callable[[str], Lake]:
    """Lakes of the same five days, by name."""
    log = make_log(days=5)

    def publish(name: str) -> Lake:
        lake = Lake(str(tmp_path / name))
        publish_log(lake, scenario, log)
        return lake

    return publish


@settings(
    deadline=None,
    max_examples=6,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 1000), removed=st.booleans())
def test_held_out_rows_leave_no_trace(
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
    seed: int,
    removed: bool,
) -> None:
    """Other labels of held-out rows, or none of these rows at all: the same checkpoints."""
    # At these rates the deep part moves scores, so that its rounding would show.
    scenario, log = with_options(embedding_rate=0.3, dense_rate=0.03), make_log(seed=seed)
    held_out = [row for row in log if row["fold"] != "lineage"]
    assert held_out
    if removed:
        other = [row for row in log if row["fold"] == "lineage"]
    else:
        other = [
            {**row, "label": 1 - row["label"]} if row["fold"] != "lineage" else row for row in log
        ]
    found = []
    for rows in (log, other):
        with tempfile.TemporaryDirectory() as folder:
            lake = Lake(folder)
            publish_log(lake, scenario, rows)
            train(lake, scenario, 3)
            found.append(trained_files(lake, scenario))
    assert found[0] == found[1]


def trained_files(lake: Lake, scenario: Scenario) -> list[tuple[str, str, str]]:
    """Day, name and hash of every data file: all that a ranker has learned."""
    days = checkpoint_days(lake, scenario)
    assert days
    manifests = [lake.manifest(checkpoint_partition(scenario, ds)) for ds in days]
    return [
        (manifest.ds, file.name, file.sha256)
        for manifest in manifests
        if manifest is not None
        for file in manifest.files
    ]


def test_a_training_label_does_leave_a_trace(
    tmp_path: Path,
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> None:
    """The test above can fail: one flipped label of the lineage fold shows."""
    log = make_log()
    found = []
    for name in ("one", "other"):
        lake = Lake(str(tmp_path / name))
        publish_log(lake, scenario, log)
        train(lake, scenario, 3)
        found.append(trained_files(lake, scenario))
        flipped = next(row for row in log if row["fold"] == "lineage")
        flipped["label"] = 1 - flipped["label"]
    assert found[0] != found[1]


def test_days_may_be_trained_in_several_runs(
    published: Callable[[str], Lake], scenario: Scenario, checkpoint_files: Callable[[Lake], Files]
) -> None:
    straight, parts = published("straight"), published("parts")
    assert train(straight, scenario, 5) == [day(n) for n in (1, 2, 3, 4, 5)]
    assert train(parts, scenario, 2) == [day(1), day(2)]
    assert train(parts, scenario, 5) == [day(3), day(4), day(5)]
    assert checkpoint_files(parts) == checkpoint_files(straight)
    assert train(parts, scenario, 5) == []


@pytest.mark.fault
@pytest.mark.parametrize("write", [4, 17])
def test_a_killed_run_resumes(
    published: Callable[[str], Lake],
    scenario: Scenario,
    checkpoint_files: Callable[[Lake], Files],
    train_until_killed: Callable[[Lake, Scenario, int], None],
    write: int,
) -> None:
    straight, killed = published("straight"), published("killed")
    train(straight, scenario, 5)
    train_until_killed(killed, scenario, write)
    assert train(killed, scenario, 5)
    assert checkpoint_files(killed) == checkpoint_files(straight)


def test_a_changed_day_is_trained_again_with_all_later_days(
    published: Callable[[str], Lake],
    scenario: Scenario,
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> None:
    lake = published("lake")
    train(lake, scenario, 5)
    log = make_log(days=5)
    changed = next(row for row in log if row["ts"].date() == day(3))
    changed["item_id"] += 1
    publish_log(lake, scenario, log)
    assert train(lake, scenario, 5)[0] == day(3)


@pytest.mark.parametrize("table", ["history", "statistics"])
def test_a_missing_day_is_reported_before_training(
    published: Callable[[str], Lake], scenario: Scenario, table: str
) -> None:
    lake = published("lake")
    lake.storage.remove(Partition(table, scenario.name, day(3)).path)
    with pytest.raises(InputError, match=f"no {table} of 2026-01-03: run lis ingest"):
        train(lake, scenario, 5)
    assert checkpoint_days(lake, scenario) == []


@pytest.mark.parametrize("through", [0, -3])
def test_a_day_before_the_first_history_is_rejected(
    published: Callable[[str], Lake], scenario: Scenario, through: int
) -> None:
    with pytest.raises(InputError, match="no history before 2026-01-01"):
        train(published("lake"), scenario, through)


def test_an_empty_lake_is_rejected(lake: Lake, scenario: Scenario) -> None:
    with pytest.raises(InputError, match="ingest"):
        train(lake, scenario, 1)


def test_ranker_versions_are_stored_side_by_side(
    published: Callable[[str], Lake],
    scenario: Scenario,
    with_options: Callable[..., Scenario],
    checkpoint_files: Callable[[Lake], Files],
) -> None:
    """Each has the bytes that it has alone, and the turn of the other makes neither stale."""
    other = with_options(seed=5)
    alone, other_alone, lake = (published(name) for name in ("alone", "other alone", "both"))
    train(alone, scenario, 4)
    train(other_alone, other, 4)
    assert train(lake, scenario, 3) == [day(1), day(2), day(3)]
    assert train(lake, other, 4) == [day(1), day(2), day(3), day(4)]
    assert train(lake, scenario, 4) == [day(4)]
    assert train(lake, other, 4) == []
    both = {**checkpoint_files(alone), **checkpoint_files(other_alone)}
    assert len(both) == 2 * len(checkpoint_files(alone))
    assert checkpoint_files(lake) == both
    assert ranker_versions(lake, scenario.name) == {
        ranker_version(scenario): DayRange(day(1), day(5)),
        ranker_version(other): DayRange(day(1), day(5)),
    }


def test_a_restart_trains_only_this_version_from_its_first_day(
    published: Callable[[str], Lake],
    scenario: Scenario,
    with_options: Callable[..., Scenario],
    checkpoint_files: Callable[[Lake], Files],
) -> None:
    lake, other = published("lake"), with_options(seed=5)
    train(lake, other, 4)
    train(lake, scenario, 4, since=day(2))
    before = checkpoint_files(lake)
    assert train(lake, scenario, 4, restart=True) == [day(2), day(3), day(4)]
    assert checkpoint_files(lake) == before
    assert train(lake, other, 4) == []


def test_a_new_lineage_may_begin_later(
    published: Callable[[str], Lake], scenario: Scenario, checkpoint_files: Callable[[Lake], Files]
) -> None:
    lake, straight = published("lake"), published("straight")
    train(straight, scenario, 5, since=day(3))
    assert train(lake, scenario, 4, since=day(3)) == [day(3), day(4)]
    assert train(lake, scenario, 5) == [day(5)]
    assert train(lake, scenario, 5, since=day(3)) == []
    assert checkpoint_days(lake, scenario) == [day(3), day(4), day(5), day(6)]
    assert checkpoint_files(lake) == checkpoint_files(straight)


def test_a_lineage_keeps_its_first_day(
    published: Callable[[str], Lake], scenario: Scenario, with_options: Callable[..., Scenario]
) -> None:
    lake = published("lake")
    train(lake, scenario, 4, since=day(2))
    line = r"begins on 2026-01-02, not on 2026-01-03: omit --since, or add --restart"
    with pytest.raises(InputError, match=line):
        train(lake, scenario, 4, since=day(3))
    assert checkpoint_days(lake, scenario)[0] == day(2)
    assert train(lake, with_options(seed=5), 4, since=day(3)) == [day(3), day(4)]


@pytest.mark.parametrize("since", [1, 3])
def test_a_restart_may_move_the_first_day(
    published: Callable[[str], Lake],
    scenario: Scenario,
    checkpoint_files: Callable[[Lake], Files],
    since: int,
) -> None:
    lake, straight = published("lake"), published("straight")
    train(lake, scenario, 5, since=day(2))
    train(lake, scenario, 5, since=day(since), restart=True)
    train(straight, scenario, 5, since=day(since))
    assert checkpoint_files(lake) == checkpoint_files(straight)
    assert train(lake, scenario, 5) == []


@pytest.mark.parametrize(
    ("since", "through", "line"),
    [(-3, 4, "no history before 2026-01-01"), (4, 3, "begins on 2026-01-04"), (7, 8, "2026-01-07")],
)
def test_an_impossible_first_day_is_rejected(
    published: Callable[[str], Lake], scenario: Scenario, since: int, through: int, line: str
) -> None:
    lake = published("lake")
    with pytest.raises(InputError, match=line):
        train(lake, scenario, through, since=day(since))
    assert checkpoint_days(lake, scenario) == []


def test_empty_days_and_days_of_one_class_are_trained(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    log = [row for row in make_log(days=4) if row["ts"].date() != day(2)]
    for row in log:
        if row["ts"].date() == day(3):
            row["label"] = 1
    publish_log(lake, scenario, log)
    train(lake, scenario, 4)
    facts = [lake.manifest(checkpoint_partition(scenario, day(n))).facts for n in (2, 3, 4, 5)]
    assert [fact["auc"] is None for fact in facts] == [False, True, True, False]
    assert [fact["logloss"] is None for fact in facts] == [False, True, False, False]
    trained = [
        sum(row["fold"] == "lineage" and row["ts"].date() == day(n) for row in log)
        for n in (1, 2, 3, 4)
    ]
    assert [fact["rows"] for fact in facts] == trained


def test_a_log_may_begin_with_empty_days(
    lake: Lake, scenario: Scenario, publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, [], days=2)
    assert train(lake, scenario, 2) == [day(1), day(2)]


def test_a_checkpoint_records_its_inputs(
    published: Callable[[str], Lake], scenario: Scenario
) -> None:
    lake = published("lake")
    train(lake, scenario, 2)
    first, second = (lake.manifest(checkpoint_partition(scenario, day(n))) for n in (1, 2))
    assert first.inputs["parent"] == ""
    assert second.inputs["parent"] == first.digest
    for table in ("impressions", "history", "statistics"):
        partition = Partition(table, scenario.name, day(1))
        assert second.inputs[table] == lake.manifest(partition).digest
    assert second.inputs["ranker"] == first.inputs["ranker"] == second.facts["ranker_version"]
    assert first.window.max_ts is None
    assert second.window.max_ts < second.window.end == "2026-01-02T00:00:00.000000+00:00"
