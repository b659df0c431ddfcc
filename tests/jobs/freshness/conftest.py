"""A lake that daily runs have made, before and after rows have arrived late."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession

from jobs.common.day_range import DayRange
from jobs.lake import Lake
from jobs.scenarios import Mode, Scenario, load_scenario
from jobs.stages.assemble import assemble_features, publish_snapshots
from jobs.stages.ingest import INGEST, IngestStageOptions
from jobs.stages.request import DueScores, ScoreRequest, requested_kinds
from jobs.stages.score import score
from jobs.stages.train import TrainOptions, train_lineage

FIRST = date(2026, 1, 1)
DAYS = 6
LATE, NEW_ITEM = 3, 199
AS_OF, HORIZON = 4, 2
COLUMNS = ("id", "user", "item", "ts", "label")
Row = tuple[int, ...]


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def rows_of(number: int) -> list[Row]:
    """Forty rows of a day. An item is first shown on the fifth day."""
    generator = np.random.default_rng(number)
    start = 1_767_225_600 + (number - 1) * 86_400
    found = [
        (
            number * 1000 + place,
            int(generator.integers(0, 6)),
            100 + int(generator.integers(0, 9)),
            start + int(generator.integers(0, 86_400)),
            place % 2,
        )
        for place in range(40)
    ]
    return [*found, (number * 1000 + 99, 1, NEW_ITEM, start, 1)] if number == 5 else found


def late_rows(number: int = LATE) -> list[Row]:
    """More rows of a day; the item of the fifth day is shown in them, too."""
    start = 1_767_225_600 + (number - 1) * 86_400
    return [(number * 1000 + 500 + n, n, NEW_ITEM, start + 3600 * n, n % 2) for n in range(4)]


def write_rows(raw: Path, number: int, name: str, rows: Sequence[Row]) -> None:
    write_csv(raw / f"ds={day(number)}" / name, rows)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


@dataclass(frozen=True)
class DailyRuns:
    """A scenario with its log and its lake."""

    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    @property
    def scenario(self) -> Scenario:
        return load_scenario(str(self.folder / "daily.yaml"))

    def request(self, *preferences: str, mode: Mode = Mode.SWAP) -> ScoreRequest:
        due = DueScores(DayRange.of_day(day(AS_OF)), (HORIZON,))
        kinds = requested_kinds(self.scenario, preferences or ("id_embedding",), [mode])
        return ScoreRequest(self.scenario, due, kinds)

    def ingest(self, first: int, last: int, **options: Any) -> None:
        chosen = IngestStageOptions(raw=str(self.raw), start=day(first), end=day(last), **options)
        INGEST.run(self.lake, self.scenario, chosen)

    def train(self) -> None:
        train_lineage(self.lake, self.scenario, TrainOptions())
        publish_snapshots(self.lake, self.scenario, None)

    def score(self, *preferences: str, mode: Mode = Mode.SWAP) -> None:
        request = self.request(*preferences, mode=mode)
        assemble_features(self.lake, request)
        score(self.lake, request)

    def copied_to(self, folder: Path) -> DailyRuns:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return DailyRuns(folder)


def started(folder: Path) -> DailyRuns:
    """A scenario with an empty lake."""
    columns = {"impression_id": "id", "user_id": "user", "item_id": "item"}
    content = {
        "source": {
            "reader": "table",
            "path": "ds={ds}",
            "format": {"kind": "csv"},
            "columns": {**columns, "ts": "ts", "label": "label"},
            "ids": "int64",
            "ts_unit": "s",
            "raw": "$DAILY_LOG",
        },
        "history_length": 3,
        "folds": {"lineage": 0.6, "fit": 0.2, "eval": 0.2},
        "horizons": [HORIZON],
        "preferences": ["id_embedding"],
        "modes": ["swap"],
        "fit": {"days": 2},
        "ranker": {
            "embedding_dim": 4,
            "cross_layers": 1,
            "hidden_units": [8],
            "batch_size": 16,
            "history_length": 3,
            "precision": "fp32",
        },
    }
    (folder / "daily.yaml").write_text(yaml.safe_dump(content))
    return DailyRuns(folder)


@pytest.fixture(scope="session")
def scored_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> DailyRuns:
    runs = started(tmp_path_factory.mktemp("daily"))
    for number in range(1, DAYS + 1):
        write_rows(runs.raw, number, "part.csv", rows_of(number))
    runs.ingest(1, DAYS)
    runs.train()
    runs.score()
    return runs


@pytest.fixture
def scored(scored_once: DailyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DailyRuns:
    """Six days, their rankers, and results of the fourth; a copy that a test may change."""
    runs = scored_once.copied_to(tmp_path)
    monkeypatch.setenv("DAILY_LOG", str(runs.raw))
    monkeypatch.setenv("LIS_LAKE", runs.lake.uri)
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    return runs
