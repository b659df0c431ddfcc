from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.lake import Lake
from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows.encode import EncodedRows, encode
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.score_day import BASELINE, score_rows
from jobs.ranker.training.train_day import _batches, train_day, train_rows
from jobs.scenarios import Scenario

DAY = date(2026, 1, 1)
Rows = list[dict[str, Any]]


def train(lake: Lake, scenario: Scenario, days: int) -> Ranker:
    ranker = new_ranker(scenario, torch.device("cpu"))
    for offset in range(days):
        train_day(ranker, lake, scenario, DAY + timedelta(days=offset))
    return ranker


def taste_log(make_log: Callable[..., Rows], scale: float = 2.0) -> Rows:
    """Users and items have a taste of two dimensions; a click is likely where they agree."""
    log = make_log(days=5, rows=1200, users=60, items=40)
    generator = np.random.default_rng(1)
    user, item = generator.normal(size=(60, 2)), generator.normal(size=(200, 2))
    for row in log:
        logit = scale * user[row["user_id"]] @ item[row["item_id"] - 100]
        row["label"] = int(generator.random() < 1 / (1 + np.exp(-logit)))
    return log


@pytest.fixture
def learned(
    lake: Lake,
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> Callable[..., NDArray[np.float64]]:
    """Train the deep part alone on four days; return AUC and scores of held-out rows of the fifth.

    Counts know nothing of the tastes.
    """

    def run(**options: object) -> tuple[float, NDArray[np.float64]]:
        defaults = {"embedding_dim": 8, "embedding_rate": 0.3, "epochs": 4, "statistics": False}
        scenario = with_options(**{**defaults, **options})
        publish_log(lake, scenario, taste_log(make_log))
        ranker = train(lake, scenario, days=4)
        last = read_day(lake, scenario, DAY + timedelta(days=4), {"eval", "fit"})
        scored = score_rows(ranker, scenario, last, {})
        scores = scored.scores[BASELINE]
        return float(roc_auc_score(scored.rows["label"].to_numpy(), scores)), scores

    return run


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_the_ranker_learns_tastes(learned: Callable[..., tuple[float, Any]], pooling: str) -> None:
    auc, _ = learned(history_pooling=pooling)
    assert auc > 0.65  # the true probabilities reach 0.84


def test_training_in_bf16_scores_like_training_in_fp32(
    learned: Callable[..., tuple[float, Any]],
) -> None:
    gentle = {"embedding_rate": 0.05, "epochs": 1}
    _, scores = learned(precision="fp32", **gentle)
    _, rough = learned(precision="bf16", **gentle)
    assert not np.array_equal(scores, rough)
    assert np.abs(scores - rough).max() < 0.02
    assert np.abs(scores - rough).max() < np.ptp(scores) / 10


def test_only_ids_of_training_rows_get_embeddings(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    log = make_log()
    publish_log(lake, scenario, log)
    ranker = train(lake, scenario, days=3)
    trained = [row for row in log if row["fold"] == "lineage"]
    for field in ranker.fields:
        expected = list(dict.fromkeys(row[field] for row in trained))
        assert ranker.vocabularies[field].ids.to_pylist() == expected


def test_each_training_row_is_counted_once_whatever_the_epochs(
    lake: Lake,
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> None:
    log, scenario = make_log(), with_options(epochs=3)
    publish_log(lake, scenario, log)
    ranker = train(lake, scenario, days=3)
    trained = [row for row in log if row["fold"] == "lineage"]
    for field in ranker.fields:
        block = ranker.table.block(field)
        for row, identity in enumerate(ranker.vocabularies[field].ids.to_pylist()):
            times = [r["ts"] for r in trained if r[field] == identity]
            assert block.updates[row] == len(times)
            assert block.last_update[row] == round(max(times).timestamp() * 1e6)


def test_the_unknown_row_stays_zero(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, make_log())
    ranker = new_ranker(scenario, torch.device("cpu"))
    parts = EncodedRows(
        fields=np.zeros((8, 3), np.int64),
        history=np.zeros((8, 3), np.int64),
        statistics=np.zeros((8, ranker.network.width), np.float32),
        labels=np.ones(8, np.float32),
        ts=np.arange(8),
    )
    assert train_rows(ranker, [parts], np.random.default_rng(0)) == 8
    assert not ranker.table.embedding.any()


def test_an_id_outside_the_vocabulary_scores_as_the_zero_vector(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    """New ids start from vectors of their own, but only once a training row has them."""
    log = make_log(days=1)
    publish_log(lake, scenario, log)
    ranker = train(lake, scenario, days=1)
    strangers = [{**row, "user_id": 10**6, "item_id": 10**6 + n} for n, row in enumerate(log)]
    other = Lake(f"{lake.uri}-strangers")
    publish_log(other, scenario, strangers)
    for chunk in read_day(other, scenario, DAY, {"eval", "fit", "lineage"}):
        rows = encode(ranker, chunk).fields
        assert not rows[:, :2].any()
        assert not ranker.table.embedding[rows[:, :2]].any()
        assert rows[:, 2].all()
    known = encode(ranker, next(read_day(lake, scenario, DAY, {"lineage"}))).fields
    assert ranker.table.embedding[known].abs().sum(dim=-1).min() > 0


def test_batches_have_nearly_equal_sizes_and_contain_each_row_once() -> None:
    batches = list(_batches(33, 16, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [11, 11, 11]
    assert sorted(np.concatenate(batches).tolist()) == list(range(33))


def test_reading_ahead_changes_no_bit(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, make_log(days=1, rows=400))
    ahead, plain = train(lake, scenario, days=1), new_ranker(scenario, torch.device("cpu"))
    plain.add_ids({field: vocabulary.ids for field, vocabulary in ahead.vocabularies.items()})
    parts = [encode(plain, chunk) for chunk in read_day(lake, scenario, DAY, {"lineage"})]
    train_rows(plain, parts, np.random.default_rng([scenario.ranker.seed, DAY.toordinal()]))
    assert torch.equal(ahead.table.embedding, plain.table.embedding)
    for one, other in zip(ahead.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_new_memory_is_not_filled_before_it_is_written() -> None:
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_the_determinism_setting_of_the_caller_is_restored(
    lake: Lake, scenario: Scenario, make_log: Callable[..., Rows], publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, make_log(days=1))
    train(lake, scenario, days=1)
    assert not torch.are_deterministic_algorithms_enabled()
