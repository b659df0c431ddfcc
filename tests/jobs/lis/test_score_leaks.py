"""Which results are computed, which are read back, and which days are scored for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from jobs.evaluation.measurement import Measurement
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import result_partition
from jobs.evaluation.scored_day import BASELINE, RANKER, ScoredDay
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_version
from jobs.lis import targets
from jobs.lis.score_leaks import evaluate
from jobs.lis.simple_models import SimpleModels
from jobs.lis.targets import InputDigests, Scoring
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.leak import Leak
from jobs.scenarios import Mode, Scenario, SimulatedSource

SCENARIO = Scenario(name="tiny", source=SimulatedSource())
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(3)]
HORIZONS = (7, 30)
ROWS = 60


class Scorer:
    """Scores days from random numbers, and records which days were requested."""

    kinds: tuple[PreferenceKind, ...] = (preference_kind("next_click"),)

    def __init__(self) -> None:
        self.requested: list[tuple[date, tuple[int, ...]]] = []
        self.leaks: dict[tuple[date, int], str] = {}

    def score(self, day: date, leaks: Sequence[Leak]) -> dict[Leak, ScoredDay]:
        self.requested.append((day, tuple(leak.horizon for leak in leaks)))
        return {leak: scored_day(day, leak.horizon) for leak in leaks}

    def input_digests(self, day: date, leak: Leak) -> InputDigests:
        horizon = leak.horizon
        return InputDigests(f"data {day}", self.leaks.get((day, horizon), f"leak {day} {horizon}"))

    @property
    def scoring(self) -> Scoring:
        return Scoring(
            kinds=self.kinds,
            mode=Mode.RETRAIN,
            input_digests=self.input_digests,
            score_day=self.score,
            seeds=2,
            fit_days=4,
            lookback_days=lambda _: 9,
            eval_rows_seen=lambda _: "unknown",
        )

    def evaluate(self, lake: Lake, days: Sequence[date], **options: Any) -> list[LisResult]:
        """Return results, after clearing the record of requests."""
        self.requested = []
        return evaluate(lake, SCENARIO.model_copy(update=options), self.scoring, days, HORIZONS)


def scored_day(day: date, horizon: int) -> ScoredDay:
    generator = np.random.default_rng([day.toordinal(), horizon])
    rows = {
        "user_id": generator.integers(0, 9, ROWS),
        "label": generator.integers(0, 2, ROWS),
        "fold": generator.choice(["eval", "lineage"], ROWS).tolist(),
    }
    variants = {name: generator.random((2, ROWS)) for name in ("baseline", "leaked")}
    return ScoredDay(pa.table(rows), variants, np.ones(ROWS, np.bool_))


@pytest.fixture
def scorer() -> Scorer:
    return Scorer()


def test_single_days_come_before_pooled_ones(lake: Lake, scorer: Scorer) -> None:
    results = scorer.evaluate(lake, DAYS)
    singles = [(day.isoformat(), horizon) for day in DAYS for horizon in HORIZONS]
    pooled = [("2026-01-05:2026-01-07", horizon) for horizon in HORIZONS]
    assert [(result.as_of, result.horizon) for result in results] == singles + pooled
    assert scorer.requested == [(day, HORIZONS) for day in DAYS]


def test_figures_are_those_of_the_scored_rows(lake: Lake, scorer: Scorer) -> None:
    results = scorer.evaluate(lake, DAYS)
    for horizon, pooled in zip(HORIZONS, results[-2:], strict=True):
        together = Measurement()
        for day in DAYS:
            together.add(scored_day(day, horizon))
        found = together.result(SCENARIO.threshold, SCENARIO.confidence)
        assert (pooled.lis, pooled.lis_se, pooled.rows) == (found.lis, found.lis_se, found.rows)
    alone = Measurement()
    alone.add(scored_day(DAYS[0], 7))
    assert results[0].lis == alone.result(SCENARIO.threshold, SCENARIO.confidence).lis


def test_results_record_how_they_were_computed(lake: Lake, scorer: Scorer) -> None:
    first, *_, pooled = scorer.evaluate(lake, DAYS)
    assert (first.data_digest, first.leak_digest) == ("data 2026-01-05", "leak 2026-01-05 7")
    for result in (first, pooled):
        assert (result.preference, result.mode, result.seeds) == ("next_click", "retrain", 2)
        assert (result.fit_days, result.lookback_days) == (4, 9)
        assert result.eval_rows_seen == "unknown"
        assert result.ranker_version == ranker_version(SCENARIO)
    assert pooled.data_digest not in {first.data_digest, ""}


def test_one_day_is_not_pooled(lake: Lake, scorer: Scorer) -> None:
    assert [result.as_of for result in scorer.evaluate(lake, DAYS[:1])] == ["2026-01-05"] * 2


def test_stored_results_are_read_back(lake: Lake, scorer: Scorer) -> None:
    first = scorer.evaluate(lake, DAYS)
    again = scorer.evaluate(lake, DAYS)
    assert scorer.requested == []
    np.testing.assert_equal(
        [result.to_dict() for result in again], [result.to_dict() for result in first]
    )


def test_equal_runs_have_equal_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "other"):
        lake = Lake(str(tmp_path / name))
        results = Scorer().evaluate(lake, DAYS)
        assert all(result.seconds >= 0 for result in results)
        found = [
            Partition("lis", "tiny", day, keys)
            for day in DAYS
            for keys in lake.keys_below("lis", "tiny", day)
        ]
        digests.append([lake.require(partition, "score").digest for partition in found])
    assert len(digests[0]) == 8
    assert digests[0] == digests[1]


class Peers:
    """Two simple models that are better than the ranker."""

    def __init__(self) -> None:
        self.revision = 0

    def inputs(self, day: date) -> dict[str, str]:
        return {"rows": f"{day} {self.revision}"}

    def scores(self, day: date) -> dict[str, np.ndarray]:
        labels = scored_day(day, 7).rows["label"].to_numpy()
        return {"popularity": labels * 0.5, "logistic": 1.0 - labels}


def test_simple_models_stand_beside_the_rankers(lake: Lake, scorer: Scorer) -> None:
    peers = Peers()

    def score(day: date, leaks: Sequence[Leak]) -> dict[Leak, ScoredDay]:
        return {
            leak: replace(one, variants={**one.variants, RANKER: one.variants[BASELINE]})
            for leak, one in scorer.score(day, leaks).items()
        }

    scoring = replace(scorer.scoring, score_day=score, peers=cast(SimpleModels, peers))
    for result in evaluate(lake, SCENARIO, scoring, DAYS, HORIZONS[:1]):
        assert (result.auc_popularity, result.auc_logistic) == (1, 0)
    scorer.requested = []
    evaluate(lake, SCENARIO, scoring, DAYS, HORIZONS[:1])
    assert scorer.requested == []
    peers.revision = 1
    evaluate(lake, SCENARIO, scoring, DAYS[:1], HORIZONS[:1])
    assert scorer.requested == [(DAYS[0], HORIZONS[:1])]


@pytest.mark.parametrize(
    ("fit_days", "fits", "is_noted"), [(4, 0, True), (4, 2, False), (0, 0, False)]
)
def test_a_result_says_when_its_interval_does_not_cover_the_fit_rows(
    lake: Lake, scorer: Scorer, fit_days: int, fits: int, is_noted: bool
) -> None:
    scoring = replace(scorer.scoring, fit_days=fit_days, fits=fits)
    [result] = evaluate(lake, SCENARIO, scoring, DAYS[:1], HORIZONS[:1])
    assert ("which users were fitted to" in result.note) is is_noted


def test_a_changed_day_alone_is_measured_again(lake: Lake, scorer: Scorer) -> None:
    """The pooled result needs the scores of all days, but only for the horizon that changed."""
    first = scorer.evaluate(lake, DAYS)
    scorer.leaks[DAYS[1], 30] = "another table"
    again = scorer.evaluate(lake, DAYS)
    assert scorer.requested == [(day, (30,)) for day in DAYS]
    changed = [
        (old.as_of, old.horizon)
        for old, new in zip(first, again, strict=True)
        if old.leak_digest != new.leak_digest
    ]
    assert changed == [("2026-01-06", 30), ("2026-01-05:2026-01-07", 30)]


def test_a_new_day_is_scored_alone(lake: Lake, scorer: Scorer) -> None:
    scorer.evaluate(lake, DAYS[:1])
    scorer.evaluate(lake, DAYS[1:2])
    assert scorer.requested == [(DAYS[1], HORIZONS)]


def test_a_lost_pooled_result_needs_all_days_and_no_single_one(lake: Lake, scorer: Scorer) -> None:
    first = scorer.evaluate(lake, DAYS)
    version = ranker_version(SCENARIO)
    single, pooled = (
        result_partition("tiny", version, since, DAYS[-1], "next_click", "retrain", 7)
        for since in (DAYS[-1], DAYS[0])
    )
    before = lake.manifest(single)
    lake.storage.remove(pooled.path)
    again = scorer.evaluate(lake, DAYS)
    assert scorer.requested == [(day, (7,)) for day in DAYS]
    assert [result.lis for result in again] == [result.lis for result in first]
    assert lake.manifest(single) == before
    assert lake.is_published(pooled)


def test_edited_measuring_code_is_measured_again(
    lake: Lake, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer.evaluate(lake, DAYS[:1])
    monkeypatch.setattr(targets, "code_digest", lambda *modules: "edited")
    scorer.evaluate(lake, DAYS[:1])
    assert scorer.requested == [(DAYS[0], HORIZONS)]


@pytest.mark.parametrize("options", [{"threshold": 0.05}, {"confidence": 0.9}])
def test_another_rule_of_the_verdict_is_measured_again(
    lake: Lake, scorer: Scorer, options: dict[str, float]
) -> None:
    first = scorer.evaluate(lake, DAYS[:1])
    again = scorer.evaluate(lake, DAYS[:1], **options)
    assert scorer.requested == [(DAYS[0], HORIZONS)]
    assert (again[0].threshold, again[0].lis_ci_low) != (first[0].threshold, first[0].lis_ci_low)


def test_modes_have_separate_results(lake: Lake, scorer: Scorer) -> None:
    scorer.evaluate(lake, DAYS[:1])
    swap = replace(scorer.scoring, mode=Mode.SWAP)
    evaluate(lake, SCENARIO, swap, DAYS[:1], HORIZONS)
    scorer.evaluate(lake, DAYS[:1])
    assert scorer.requested == []


def test_kinds_share_a_pass_over_the_days(lake: Lake, scorer: Scorer) -> None:
    both = tuple(preference_kind(name) for name in ("next_click", "content_vector"))
    scorer.evaluate(lake, DAYS[:1])
    scorer.kinds = both
    results = scorer.evaluate(lake, DAYS)
    # What the first kind has of the first day is read back; its pooled result needs the scores.
    assert scorer.requested == [(day, (7, 30, 7, 30)) for day in DAYS]
    assert [(one.preference, one.horizon) for one in results if one.is_pooled] == [
        (kind.name, horizon) for kind in both for horizon in HORIZONS
    ]
    assert [one.preference for one in results] == ["next_click"] * 8 + ["content_vector"] * 8
    for one, other in zip(results[:8], results[8:], strict=True):
        assert (one.as_of, one.horizon, one.lis) == (other.as_of, other.horizon, other.lis)
