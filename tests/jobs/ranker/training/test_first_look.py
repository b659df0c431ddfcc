"""What M_D makes of a day before it trains on it, and which rows reach the wide part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from jobs.lake import Lake
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows import read_day as read_day_module
from jobs.ranker.rows.encode import encode
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.score_day import BASELINE, score_day
from jobs.ranker.training.first_look import FirstLook, first_look
from jobs.scenarios import Fold, Scenario

LAST = date(2026, 1, 2)
AS_OF = LAST + timedelta(days=1)
Rows = list[dict[str, Any]]


@pytest.fixture
def log(make_log: Callable[..., Rows]) -> Rows:
    return make_log(days=3)


@pytest.fixture
def scenario(with_options: Callable[..., Scenario]) -> Scenario:
    """Rates at which a day of forty rows moves the deep part."""
    return with_options(embedding_rate=0.3, dense_rate=0.03)


@pytest.fixture
def ranker(lake: Lake, scenario: Scenario, log: Rows, publish_log: Callable[..., None]) -> Ranker:
    publish_log(lake, scenario, log)
    extend_lineage(lake, scenario, LAST, progress=False)
    return read_checkpoint(lake, scenario, AS_OF)


def look_at(
    ranker: Ranker, lake: Lake, scenario: Scenario, folds: tuple[Fold, ...] = tuple(Fold)
) -> FirstLook:
    return first_look(ranker, read_day(lake, scenario, AS_OF, folds))


def test_logits_are_those_of_scoring(lake: Lake, scenario: Scenario, ranker: Ranker) -> None:
    folds = (Fold.EVAL, Fold.LINEAGE)
    look = look_at(ranker, lake, scenario, folds)
    scored = score_day(lake, scenario, AS_OF, {}, folds)
    scores = 1 / (1 + np.exp(-look.logits))
    np.testing.assert_allclose(scores, scored.scores[BASELINE], atol=1e-7)
    labels = scored.rows["label"].to_numpy()
    assert look.labels.tolist() == labels.tolist()
    assert look.auc == pytest.approx(roc_auc_score(labels, scores))
    assert look.logloss == pytest.approx(log_loss(labels, scores))


def test_the_deep_part_is_kept_for_rows_of_the_lineage(
    lake: Lake, scenario: Scenario, ranker: Ranker, log: Rows
) -> None:
    look = look_at(ranker, lake, scenario)
    rows = [row for row in log if row["ts"].date() == AS_OF]
    assert look.lineage_rows.tolist() == [row["fold"] == "lineage" for row in rows]
    (chunk,) = read_day(lake, scenario, AS_OF, {Fold.LINEAGE})
    np.testing.assert_array_equal(look.statistics, encode(ranker, chunk).statistics)
    wide = ranker.network.wide.numpy()
    expected = look.statistics @ wide[:-2] + wide[-2] * look.deep_logits + wide[-1]
    np.testing.assert_allclose(look.logits[look.lineage_rows], expected, atol=1e-5)
    assert np.ptp(look.deep_logits) > 0.01


def test_the_chunk_size_does_not_matter(
    lake: Lake, scenario: Scenario, ranker: Ranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = look_at(ranker, lake, scenario)
    monkeypatch.setattr(read_day_module, "CHUNK_ROWS", 7)
    chunked = look_at(ranker, lake, scenario)
    for name, values in vars(whole).items():
        np.testing.assert_allclose(getattr(chunked, name), values, atol=1e-6, err_msg=name)


def updated(look: FirstLook, ranker: Ranker, lake: Lake, scenario: Scenario) -> torch.Tensor:
    fresh = read_checkpoint(lake, scenario, AS_OF)
    look.update_wide_part(fresh)
    assert not torch.equal(fresh.network.wide, ranker.network.wide)
    return torch.cat([fresh.network.wide[None], fresh.network.precision])


def test_held_out_labels_never_reach_the_wide_part(
    lake: Lake, scenario: Scenario, ranker: Ranker, log: Rows, publish_log: Callable[..., None]
) -> None:
    before = updated(look_at(ranker, lake, scenario), ranker, lake, scenario)
    of_lineage = look_at(ranker, lake, scenario, (Fold.LINEAGE,))
    assert torch.equal(updated(of_lineage, ranker, lake, scenario), before)
    for fold, is_same in ((Fold.EVAL, True), (Fold.FIT, True), (Fold.LINEAGE, False)):
        flipped = [
            {**row, "label": 1 - row["label"]}
            if row["fold"] == fold and row["ts"].date() == AS_OF
            else row
            for row in log
        ]
        publish_log(lake, scenario, flipped)
        after = updated(look_at(ranker, lake, scenario), ranker, lake, scenario)
        assert torch.equal(after, before) == is_same


def test_no_rows_have_no_figures(ranker: Ranker) -> None:
    look = first_look(ranker, [])
    assert (look.auc, look.logloss, len(look.labels)) == (None, None, 0)
    before = ranker.network.wide.clone()
    look.update_wide_part(ranker)
    assert torch.equal(ranker.network.wide, before)


def test_a_lineage_updates_the_wide_part_by_rows_that_the_deep_part_has_not_seen(
    lake: Lake, scenario: Scenario, ranker: Ranker
) -> None:
    look = look_at(ranker, lake, scenario, (Fold.EVAL, Fold.LINEAGE))
    extend_lineage(lake, scenario, AS_OF, progress=False)
    child = read_checkpoint(lake, scenario, AS_OF + timedelta(days=1))
    look.update_wide_part(ranker)
    assert torch.equal(child.network.wide, ranker.network.wide)
    assert torch.equal(child.network.precision, ranker.network.precision)
