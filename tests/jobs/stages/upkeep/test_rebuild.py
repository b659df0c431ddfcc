"""The command that the error of a damaged file names makes the file again, to the same bytes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from jobs.cli.main import main
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_days, checkpoint_partition
from jobs.lake.dropped_manifests import dropped_path
from jobs.scenarios import Scenario, load_scenario
from jobs.stages import ALIGNMENT_STAGES, STAGES
from jobs.stages.upkeep.makers import MAKERS
from jobs.stages.upkeep.rebuild import Outcome, rebuild
from tests.jobs.conftest import TRAINED_THROUGH
from tests.jobs.feed import feed_scenario
from tests.jobs.lake.damage import DAMAGES, flip
from tests.jobs.small_feed import SMALL_FEED

Bytes = Callable[..., dict[str, bytes]]
Capture = pytest.CaptureFixture[str]

VARIANTS = ("baseline", "ranker", "id_embedding-swap-1", "next_click-probe-1-placebo")
"""Predictions that are damaged, beside those of aligned vectors."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that commands read and write."""
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("LIS_RAW", str(tmp_path / "raw"))
    for name in ("LIS_DIE_WITH_PARENT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write_scenario(home: Path, scenario: Scenario) -> Path:
    path = home / f"{scenario.name}.yaml"
    path.write_text(yaml.safe_dump(scenario.model_dump(mode="json", exclude_unset=True)))
    return path


def lis(*arguments: str) -> None:
    assert main(list(arguments)) == 0


def refusal(capsys: Capture, *arguments: str) -> str:
    """The one line of a command that is refused."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    [line] = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error: ")]
    return line


def printed_command(line: str) -> list[str]:
    """The arguments of the command that a refusal names."""
    program, *arguments = shlex.split(line.rpartition(": run ")[2])
    assert program == "lis"
    return arguments


def data_files(lake: Lake, partition: Partition) -> list[Path]:
    manifest = lake.manifest(partition)
    assert manifest is not None
    folder = Path(lake.storage.absolute(partition.path))
    return [folder / file.path for file in manifest.files]


def test_every_table_that_a_stage_publishes_can_be_made_again() -> None:
    published = {name for stage in (*STAGES, *ALIGNMENT_STAGES) for name in stage.publishes}
    assert published <= set(MAKERS)


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("name", ["table.safetensors", "ranker.json", "ids.parquet"])
def test_a_damaged_ranker_is_trained_again(
    trained: Lake,
    home: Path,
    make_scenario: Callable[..., Scenario],
    published_bytes: Bytes,
    capsys: Capture,
    number: int,
    name: str,
) -> None:
    scenario = make_scenario()
    file = write_scenario(home, scenario)
    before = published_bytes(trained)
    day = trained.days("impressions", scenario.name)[number]
    partition = checkpoint_partition(scenario, day)
    stem, _, suffix = name.partition(".")
    [path] = [
        one
        for one in data_files(trained, partition)
        if one.name.startswith(f"{stem}-") and one.name.endswith(suffix)
    ]
    flip(path)
    capsys.readouterr()
    lis("rebuild", str(partition), "--scenario", str(file))
    assert capsys.readouterr().out == f"{partition} is rebuilt, with the same content\n"
    assert published_bytes(trained) == before
    lis("rebuild", str(partition), "--scenario", str(file))
    assert capsys.readouterr().out.startswith(f"{partition} is as its manifest says")


def test_a_ranker_whose_manifest_is_damaged_is_trained_again_and_all_later_ones(
    trained: Lake, home: Path, make_scenario: Callable[..., Scenario], published_bytes: Bytes
) -> None:
    scenario, before = make_scenario(), published_bytes(trained)
    for day in (TRAINED_THROUGH, trained.days("impressions", scenario.name)[0]):
        partition = checkpoint_partition(scenario, day)
        DAMAGES["cut"](Path(trained.storage.absolute(f"{partition.path}/_manifest.json")))
        assert rebuild(trained, scenario, partition, None) == Outcome.UNKNOWN
        assert published_bytes(trained) == before


def test_rankers_whose_moved_manifests_are_damaged_are_trained_again(
    trained: Lake, home: Path, make_scenario: Callable[..., Scenario], published_bytes: Bytes
) -> None:
    scenario, before = make_scenario(), published_bytes(trained)
    dropped = [
        checkpoint_partition(scenario, day) for day in checkpoint_days(trained, scenario)[1:3]
    ]
    for partition in dropped:
        trained.drop_files(partition, trained.require(partition, ""))
    path = Path(trained.storage.absolute(dropped_path(dropped[0])))
    DAMAGES["cut"](path)
    with pytest.raises(InputError, match=f"{path} has lost the manifests that were in it: run lis"):
        trained.manifest(dropped[1])
    assert rebuild(trained, scenario, dropped[1], None) == Outcome.UNKNOWN
    assert published_bytes(trained) == before


def test_a_day_of_the_log_is_rebuilt_by_the_command_that_the_error_names(
    trained: Lake,
    trained_once: Path,
    home: Path,
    make_scenario: Callable[..., Scenario],
    published_bytes: Bytes,
    capsys: Capture,
) -> None:
    """Spark reads impressions by their paths, which are checked before it is given them."""
    scenario = make_scenario()
    file = write_scenario(home, scenario)
    (home / "raw" / "tiny").mkdir(parents=True)
    shutil.copy(trained_once.parent / "log.csv", home / "raw" / "tiny")
    trained.storage.remove("checkpoints")
    before = published_bytes(trained)
    day = trained.days("impressions", scenario.name)[2]
    for table in ("impressions", "history"):
        partition = Partition(table, scenario.name, day)
        [path] = data_files(trained, partition)
        flip(path, 40)
        line = refusal(capsys, "train", "--scenario", str(file))
        assert line.startswith(f"error: {path} is damaged: its SHA-256 is ")
        command = printed_command(line)
        assert command == ["rebuild", str(partition), "--scenario", str(file)]
        lis(*command)
        assert capsys.readouterr().out == f"{partition} is rebuilt, with the same content\n"
        after = published_bytes(trained)
        assert {path: after[path] for path in before} == before


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("impressions/scenario=feed/ds=2025-01-01", "nothing is published at"),
        ("clicks/scenario=feed/ds=2026-01-01", "no table clicks: it is one of impressions, items"),
        ("impressions/scenario=other/ds=2026-01-01", "is of scenario other, but feed is feed"),
        ("features/scenario=feed/ds=2026-01-01/ranker=dcn-1/horizon=1", "is of ranker dcn-1, but"),
    ],
)
def test_what_cannot_be_rebuilt_is_said(lake: Lake, path: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        rebuild(lake, feed_scenario(), Partition.parse(path), None)


def test_a_partition_that_cannot_be_rebuilt_is_left_as_it_was(
    trained: Lake, home: Path, make_scenario: Callable[..., Scenario], published_bytes: Bytes
) -> None:
    partition = Partition("impressions", "tiny", TRAINED_THROUGH)
    path = Path(trained.storage.absolute(f"{partition.path}/_manifest.json"))
    DAMAGES["cut"](path)
    before = published_bytes(trained)
    with pytest.raises(InputError, match="no log at"):
        rebuild(trained, make_scenario(), partition, str(home / "gone"))
    assert published_bytes(trained) == before


def without_times(files: dict[str, bytes]) -> dict[str, object]:
    """Files by path; of a manifest, without the seconds that the result took."""
    found: dict[str, object] = {}
    for path, content in files.items():
        if path.endswith("_manifest.json"):
            manifest = json.loads(content)
            del manifest["checksum"]
            manifest["facts"].pop("seconds", None)
            found[path] = manifest
        else:
            found[path] = content
    return found


@pytest.mark.slow
def test_every_table_is_rebuilt_to_the_same_bytes(
    home: Path, published_bytes: Bytes, spark: SparkSession
) -> None:
    file = home / "small_feed.yaml"
    file.write_text(SMALL_FEED)
    named, name = ("--scenario", str(file)), ("--preference", "id_embedding,next_click")
    lis("simulate", *named, "--out", str(home / "raw" / "small_feed"), "--days", "8")
    lis("ingest", *named)
    lis("train", *named)
    lis("slots", *named, "--as-of", "2026-01-06")
    days = DayRange.parse("2026-01-06:2026-01-07")
    lis("lis", *named, *name, "--as-of", str(days), "--mode", "swap,probe")
    lis("stage", "report", *named, *name, "--as-of", str(days), "--mode", "swap,probe")
    one = ("--preference", "id_embedding")
    lis("gate", *named, *one, "--as-of", "2026-01-07", "--force", "a test")
    lis("align", *named, *one, "--as-of", "2026-01-07", "--aligned-at", "2026-01-05")
    lis("ais", *named, *one, "--as-of", "2026-01-07", "--aligned-at", "2026-01-05")
    lake, scenario = Lake(os.environ["LIS_LAKE"]), load_scenario(str(file))
    before = without_times(published_bytes(lake))

    def differing(lake: Lake) -> set[str]:
        found = without_times(published_bytes(lake))
        return {path for path in before if found.get(path) != before[path]}

    tables = {path.partition("/")[0] for path in before}
    assert tables == set(MAKERS) - {"quarantine", "tuning"}
    # Of decisions, the newest alone is made again.
    for table in sorted(tables - {"gate"}):
        day = lake.days_with_any(table, scenario.name)[-1]
        for keys in lake.keys_below(table, scenario.name, day):
            variant = dict(keys).get("variant", "")
            if variant and variant not in VARIANTS and not variant.endswith("-aligned"):
                continue
            partition = Partition(table, scenario.name, day, keys)
            for path in data_files(lake, partition):
                flip(path)
            assert rebuild(lake, scenario, partition, None) == Outcome.SAME
            assert differing(lake) == set()
    for table in ("statistics", "snapshots", "lis"):
        day = lake.days_with_any(table, scenario.name)[-1]
        partition = Partition(
            table, scenario.name, day, lake.keys_below(table, "small_feed", day)[0]
        )
        DAMAGES["cut"](Path(lake.storage.absolute(f"{partition.path}/_manifest.json")))
        assert rebuild(lake, scenario, partition, None) == Outcome.UNKNOWN
        assert differing(lake) == set()
    [keys] = lake.keys_below("gate", scenario.name, days.last)
    decisions = Partition("gate", scenario.name, days.last, keys)
    flip(data_files(lake, decisions)[0])
    assert rebuild(lake, scenario, decisions, None) == Outcome.OTHER
    assert lake.read(decisions).num_rows == 1
