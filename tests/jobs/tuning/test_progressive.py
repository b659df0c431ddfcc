"""Progressive validation on a small log: what it reads, what it stores, what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from jobs.lake import Lake
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.scoring.score_day import BASELINE, score_day
from jobs.scenarios import Fold
from jobs.tuning import progressive
from jobs.tuning.candidates import with_option
from jobs.tuning.progressive import measured_days, partition_of, validated
from tests.jobs.counted_log import DAYS, Row, counted, make_log, make_scenario, publish

TUNED = DAYS[:5]
SMALL = {"embedding_dim": 4, "cross_layers": 1, "hidden_units": [8], "precision": "fp32"}
SCENARIO = make_scenario(**SMALL)
LOG = make_log(len(TUNED))
STATISTICS = counted(LOG)


def published(folder: Path, log: Sequence[Row]) -> Lake:
    lake = Lake(str(folder))
    publish(lake, SCENARIO, log, STATISTICS)
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return published(tmp_path / "lake", LOG)


def stored(lake: Lake) -> dict[str, bytes]:
    root = Path(lake.storage.absolute("tuning"))
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_day_is_scored_by_the_ranker_that_the_lineage_has_at_its_start(lake: Lake) -> None:
    rows = validated(lake, SCENARIO, TUNED).rows
    extend_lineage(lake, SCENARIO, TUNED[-1], progress=False)
    assert sorted(set(rows["ds"].to_pylist())) == TUNED[2:]
    for day in measured_days(TUNED):
        scores = score_day(lake, SCENARIO, day, {}, (Fold.LINEAGE,)).scores[BASELINE]
        ours = [row["logit"] for row in rows.to_pylist() if row["ds"] == day]
        np.testing.assert_allclose(1 / (1 + np.exp(-np.array(ours))), scores, rtol=1e-4)


def test_labels_of_other_folds_have_no_say(lake: Lake, tmp_path: Path) -> None:
    validated(lake, SCENARIO, TUNED)
    flipped = [
        row if row["fold"] == "lineage" else {**row, "label": 1 - row["label"]} for row in LOG
    ]
    other = published(tmp_path / "flipped", flipped)
    validated(other, SCENARIO, TUNED)
    ours, theirs = (
        {name: content for name, content in stored(of_lake).items() if name.endswith(".parquet")}
        for of_lake in (lake, other)
    )
    assert ours == theirs


def test_a_label_changes_no_score_of_its_day(lake: Lake, tmp_path: Path) -> None:
    flipped = [
        {**row, "label": 1 - row["label"]} if row["ts"].date() == TUNED[-1] else row for row in LOG
    ]
    ours = validated(lake, SCENARIO, TUNED).rows
    theirs = validated(published(tmp_path / "flipped", flipped), SCENARIO, TUNED).rows
    assert ours["logit"].equals(theirs["logit"])
    assert not ours["label"].equals(theirs["label"])


def test_the_same_rows_give_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    validated(lake, SCENARIO, TUNED)
    other = published(tmp_path / "again", LOG)
    validated(other, SCENARIO, TUNED)
    assert stored(lake) == stored(other) != {}


def test_a_validation_is_read_back_until_its_rows_change(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = validated(lake, SCENARIO, TUNED)
    assert first.rows_per_second is not None
    with monkeypatch.context() as patch:
        patch.setattr(progressive, "train_day", None)
        again = validated(lake, SCENARIO, TUNED)
    assert again.rows_per_second is None
    assert again.rows.equals(first.rows)
    changed = [{**row, "label": 1 - row["label"]} for row in LOG]
    publish(lake, SCENARIO, changed, STATISTICS)
    assert validated(lake, SCENARIO, TUNED).rows_per_second is not None


def test_candidates_and_windows_are_stored_side_by_side(lake: Lake) -> None:
    other = SCENARIO.model_copy(update={"ranker": with_option(SCENARIO.ranker, "epochs", 2)})
    partitions = {
        partition_of(SCENARIO, TUNED),
        partition_of(other, TUNED),
        partition_of(SCENARIO, TUNED[1:]),
    }
    assert len(partitions) == 3


def test_an_interrupted_validation_leaves_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(progressive, "train_day", interrupted)
    with pytest.raises(KeyboardInterrupt):
        validated(lake, SCENARIO, TUNED)
    assert stored(lake) == {}


def test_figures_are_those_of_scikit_learn(lake: Lake) -> None:
    base = validated(lake, SCENARIO, TUNED)
    other = SCENARIO.model_copy(
        update={"ranker": with_option(SCENARIO.ranker, "embedding_rate", 1.0)}
    )
    candidate = validated(lake, other, TUNED)
    rows = candidate.rows.to_pandas()
    scores = 1 / (1 + np.exp(-rows["logit"].astype(float)))
    assert candidate.logloss == pytest.approx(log_loss(rows["label"], scores))
    wins = pairs = 0.0
    for _, day in rows.groupby("ds"):
        weight = day["label"].sum() * (1 - day["label"]).sum()
        wins += weight * roc_auc_score(day["label"], day["logit"])
        pairs += weight
    found = candidate.compared_with(base, 0.95)
    assert found.auc_treatment == pytest.approx(wins / pairs)
    assert found.dates == len(measured_days(TUNED))
