"""Losses and recall against plain loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from jobs.alignment.aligned_encoder import AlignedEncoder
from jobs.alignment.encoders.registry import new_encoder
from jobs.alignment.training.losses.new_loss import new_loss
from jobs.alignment.training.losses.pair_loss import PairLoss
from jobs.alignment.training.losses.target_losses import ContrastiveLoss, CosineLoss
from jobs.alignment.training.preference_items import (
    Positives,
    PreferenceItems,
    Splits,
    read_splits,
)
from jobs.alignment.training.recall import pair_recall, target_recall
from jobs.alignment.training.train_encoder import CURRICULUM_PARTS, _Training
from jobs.lake import Lake
from tests.jobs.alignment.preference_lake import (
    ALIGNED_AT,
    KIND,
    alignment_scenario,
    publish_curated,
)


def drawn(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)


def units(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.from_numpy(drawn(rows, width, seed)), dim=1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(0, 50))
def test_recall_of_targets_is_that_of_a_loop(classes: list[int], seed: int) -> None:
    # Few distinct targets, and vectors among them: many ties.
    corners = units(4, 3, seed)
    mapped = corners[torch.tensor(classes)]
    vectors = corners[torch.from_numpy(np.random.default_rng(seed).integers(0, 4, len(classes)))]
    ranks = []
    for item, vector in enumerate(vectors):
        own = float(vector @ mapped[item])
        others = [n for n, one in enumerate(classes) if one != classes[item]]
        ranks.append(1 + sum(float(vector @ mapped[other]) >= own for other in others))
    found = target_recall(vectors, mapped, torch.tensor(classes))
    assert found.at == {k: pytest.approx(np.mean(np.array(ranks) <= k)) for k in (1, 10, 100)}


def test_vectors_that_are_all_the_same_recall_nothing() -> None:
    same = units(1, 4).expand(30, 4)
    assert target_recall(same, same, torch.arange(30)).at[10] == 0
    pairs = Positives(np.arange(31), (np.arange(30) + 1) % 30)
    assert pair_recall(same, pairs).at[10] == 0


def test_recall_of_pairs_is_that_of_a_loop() -> None:
    vectors = units(40, 5)
    positives = Positives(
        np.array([0, 2, 2, *range(3, 41)]), np.array([7, 9, *((np.arange(2, 40) + 7) % 40)])
    )
    ranks = []
    for item in range(40):
        own = positives.rows[positives.starts[item] : positives.starts[item + 1]].tolist()
        if own:
            order = sorted(
                (n for n in range(40) if n != item), key=lambda n: -vectors[item] @ vectors[n]
            )
            ranks.append(1 + min(order.index(one) for one in own))
    found = pair_recall(vectors, positives)
    assert found.at == {k: pytest.approx(np.mean(np.array(ranks) <= k)) for k in (1, 10, 100)}
    assert len(ranks) == 39


@pytest.mark.parametrize("length", [3, 6, 40])
def test_cosine_regression_keeps_the_cosines_of_targets(length: int) -> None:
    # Targets of any length lie in few dimensions, as the vectors of a ranker do.
    targets = drawn(30, min(length, 4)) @ drawn(min(length, 4), length, seed=1)
    loss = CosineLoss(targets, targets[:5], 8)
    reduced = loss._targets
    expected = normalize(torch.from_numpy(targets), dim=1)
    assert reduced.shape == (30, 8)
    torch.testing.assert_close(reduced @ reduced.T, expected @ expected.T, atol=1e-4, rtol=1e-4)
    assert float(loss(reduced[[4, 2]], np.array([4, 2]))) == pytest.approx(0, abs=1e-5)


def contrastive_loop(
    loss: ContrastiveLoss, targets: np.ndarray, vectors: torch.Tensor, items: np.ndarray
) -> float:
    scaled = torch.from_numpy((targets - targets.mean(0)) / targets.std(0))
    mapped = normalize(loss.target_map(scaled), dim=1).detach()
    scale = 1 / loss.temperature

    def term(anchor: torch.Tensor, own: int, among: list[torch.Tensor]) -> float:
        logits = [scale * float(anchor @ one) for one in among]
        return math.log(sum(math.exp(one) for one in logits)) - logits[own]

    total = 0.0
    for row, item in enumerate(items):
        kept = [
            n for n in range(len(items)) if n == row or (targets[items[n]] != targets[item]).any()
        ]
        total += term(vectors[row], kept.index(row), [mapped[items[n]] for n in kept])
        total += term(mapped[item], kept.index(row), [vectors[n] for n in kept])
    return total / 2 / len(items)


def test_the_contrastive_loss_takes_no_equal_target_as_a_negative() -> None:
    targets = drawn(12, 3)
    targets[5] = targets[2]
    loss = ContrastiveLoss(targets, targets[:2], 6)
    items, vectors = np.array([2, 5, 7, 9]), units(4, 6, seed=3)
    found = float(loss(vectors, items).detach())
    assert found == pytest.approx(contrastive_loop(loss, targets, vectors, items), rel=1e-4)


def test_hard_negatives_are_the_targets_next_to_the_own_one() -> None:
    targets = drawn(12, 3)
    targets[5] = targets[2]
    loss = ContrastiveLoss(targets, targets[:2], 6, hard_negatives=3)
    scaled = normalize(torch.from_numpy((targets - targets.mean(0)) / targets.std(0)), dim=1)
    order = (scaled[2] @ scaled.T).argsort(descending=True).tolist()
    assert loss._near is not None
    assert loss._near[2].tolist() == [one for one in order if one not in (2, 5)][:3]
    easy = ContrastiveLoss(targets, targets[:2], 6)
    easy.load_state_dict(loss.state_dict(), strict=False)
    items, vectors = np.array([2, 7]), units(2, 6)
    assert loss(vectors, items) > easy(vectors, items)


def test_single_numbers_keep_their_size() -> None:
    targets = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    loss = ContrastiveLoss(targets, targets, 6)
    mapped = loss._mapped(loss._targets)
    assert len(torch.unique((mapped @ mapped[0]).round(decimals=4))) > 15


def test_other_positives_are_no_negatives() -> None:
    # 0 belongs with 1 and 2, 3 with 4.
    positives = Positives(np.array([0, 2, 3, 4, 5, 6]), np.array([1, 2, 0, 0, 4, 3]))
    loss = PairLoss(positives, positives)
    pair = loss.drawn(np.array([0, 3]), np.random.default_rng(0))
    assert pair[[0, 1, 3]].tolist() == [0, 3, 4]
    assert pair[2] in (1, 2)
    # Of this batch, both second items belong to both first ones: nothing is a negative.
    vectors = units(4, 6)
    assert float(loss(vectors, np.array([0, 0, 1, 2]))) == pytest.approx(0, abs=1e-6)
    assert float(loss(vectors, np.array([0, 3, 1, 4]))) > 0


def training(lake: Lake, **options: object) -> _Training:
    scenario = alignment_scenario(training=options)
    publish_curated(lake, scenario)
    splits = read_splits(lake, scenario, KIND, ALIGNED_AT)
    torch.manual_seed(0)
    aligned = AlignedEncoder(new_encoder(scenario, splits.train.content), 8)
    loss = new_loss(scenario.alignment.training, splits, 8, KIND)
    started = _Training(aligned, loss, splits, scenario)
    started.restore(None)
    return started


def test_a_batch_in_parts_gives_the_gradient_of_the_whole(tmp_path: Path) -> None:
    moments = []
    for number, parts in enumerate((1, 3)):
        one = training(Lake(str(tmp_path / f"{number}")), accumulate=parts, keep=0.5)
        one._step(np.arange(16), (1, 0))
        moments.append(one.state().moments)
    for name in moments[0]:
        torch.testing.assert_close(moments[0][name], moments[1][name], atol=1e-6, rtol=1e-4)


def test_what_is_kept_stays_nearer_to_the_first_states(tmp_path: Path) -> None:
    cosines = []
    for weight in (1e-6, 10.0):
        one = training(Lake(str(tmp_path / f"{weight}")), keep=weight)
        assert one._keep is not None
        for epoch in range(1, 4):
            one.run_epoch(epoch)
        states = one._states(one._inputs)
        cosines.append(float(torch.cosine_similarity(states, one._keep.first).mean()))
    assert cosines[1] > cosines[0] + 0.01


def test_a_curriculum_begins_with_the_items_of_most_updates(lake: Lake) -> None:
    one = training(lake, curriculum=True)
    updates = one.splits.train.updates

    def of_epoch(epoch: int) -> list[float]:
        batches = one._batches(epoch, np.random.default_rng(epoch))
        assert sorted(np.concatenate(batches)) == list(range(len(updates)))
        return [float(updates[batch].mean()) for batch in batches]

    means = of_epoch(1)
    assert len(means) >= CURRICULUM_PARTS - 1
    assert means == sorted(means, reverse=True)
    assert of_epoch(4) != sorted(of_epoch(4), reverse=True)


def test_positives_of_the_other_split_are_left_out(lake: Lake) -> None:
    scenario = alignment_scenario()
    everything = [list(range(60))] * 60
    publish_curated(lake, scenario, pairs=True, positives=everything)
    splits: Splits = read_splits(lake, scenario, KIND, ALIGNED_AT)
    for items in (splits.train, splits.validation):
        found: PreferenceItems = items
        assert found.positives is not None
        assert found.positives.counts.tolist() == [len(found) - 1] * len(found)
    ids = pa.concat_tables([splits.train.content, splits.validation.content])["item_id"]
    assert sorted(ids.to_pylist()) == list(range(60))
