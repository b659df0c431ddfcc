"""Rankers trained in parallel: each trains as if it were alone, and all start as M_T."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.ranker.model.custom_network import new_network
from jobs.ranker.model.wide_and_deep import WideAndDeep
from jobs.ranker.rows.day_rows import DenseRows
from jobs.ranker.towers.fit_parts import UserGroups, user_groups
from jobs.ranker.towers.retrain_towers import FeatureRanker, ParallelRankers, distinct
from jobs.scenarios import RankerOptions, RetrainOptions

DIM, FIELDS, CLICKS, WIDTH, STATISTICS = 4, 2, 3, 3, 5
RANKER = RankerOptions(
    embedding_dim=DIM, cross_layers=1, hidden_units=(8,), history_length=CLICKS, dense_rate=0.002
)
RATE = 0.002
RESTING = RANKER.model_copy(update={"dense_rate": 1e-30})
DAY = 739_000


@dataclass(frozen=True)
class Retrained:
    """Scores before and after training, (seeds, features, rows)."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]


@pytest.fixture
def float64() -> Iterator[None]:
    """Networks and rows in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def network_of(options: RankerOptions = RANKER) -> nn.Module:
    """A network whose wide part has some weights."""
    network = new_network(FIELDS, 1, options, STATISTICS)
    network.wide[:] = torch.linspace(-0.4, 0.9, STATISTICS + 2)
    return network


def logits_alone(network: nn.Module, rows: DenseRows) -> Tensor:
    """Logits of a network that nothing stands beside."""
    index = rows.history
    with torch.no_grad():
        logits: Tensor = network.eval()(
            rows.vectors[rows.fields],
            rows.vectors[index],
            index < len(rows.vectors) - 1,
            rows.statistics,
        )
    return logits


def groups_of(count: int, groups: int = 0) -> UserGroups:
    """Each row has its own user, so that the groups are of nearly equal size."""
    return user_groups(pa.array(np.arange(count)), groups)


def random_rows(count: int, seed: int = 0) -> DenseRows:
    """Random vectors, histories of no to three clicks, and labels that the vectors half explain."""
    generator = np.random.default_rng(seed)
    vectors = np.pad(generator.normal(size=(30, DIM)), ((0, 1), (0, 0)))
    fields = generator.integers(0, 30, (count, FIELDS))
    history = generator.integers(0, 30, (count, CLICKS))
    history[np.arange(CLICKS) >= generator.integers(0, CLICKS + 1, count)[:, None]] = 30
    chance = 1 / (1 + np.exp(-2 * vectors[fields[:, 1], 0]))
    labels = generator.random(count) < chance
    numbers = torch.get_default_dtype()
    return DenseRows(
        vectors=torch.from_numpy(vectors).to(numbers),
        fields=torch.from_numpy(fields),
        history=torch.from_numpy(history),
        statistics=torch.from_numpy(generator.normal(size=(count, STATISTICS))).to(numbers),
        labels=torch.from_numpy(labels).to(numbers),
    )


def random_features(count: int, features: int = 3, seed: int = 1) -> Tensor:
    """Zeros for the baseline, then random columns."""
    drawn = torch.from_numpy(np.random.default_rng(seed).normal(size=(features, count, WIDTH)))
    drawn[0] = 0
    return drawn.to(torch.get_default_dtype())


def retrain_options(**options: Any) -> RetrainOptions:
    return RetrainOptions(**{"seeds": 2, "epochs": 2, "batch_size": 16, **options})


def retrained(
    rows: DenseRows,
    features: Tensor,
    options: RetrainOptions,
    ranker: RankerOptions = RANKER,
    score: tuple[DenseRows, Tensor] | None = None,
    groups: int = 0,
) -> Retrained:
    """Train on rows; score them, or ``score`` if given."""
    to_score = score or (rows, features)
    assert ranker.dense_rate is not None
    rankers = ParallelRankers(
        network_of(ranker), features.shape[2], len(features), ranker.dense_rate, options
    )
    before = rankers.score(*to_score)
    rankers.train(rows, features, DAY, groups_of(len(rows), groups))
    return Retrained(before, rankers.score(*to_score))


def forward(model: FeatureRanker, rows: DenseRows, feature: Tensor, chosen: Any) -> Tensor:
    index = rows.history[chosen]
    clicked = index < len(rows.vectors) - 1
    logits: Tensor = model(
        rows.vectors[rows.fields[chosen]],
        rows.vectors[index],
        clicked,
        rows.statistics[chosen],
        feature[chosen],
    )
    return logits


def trained_alone(
    rows: DenseRows,
    feature: Tensor,
    options: RetrainOptions,
    ranker: RankerOptions,
    seed: int,
    left_out: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """One ranker of one seed in plain torch, by itself; ``left_out`` is of (seeds, rows)."""
    network = network_of(ranker)
    torch.manual_seed(seed)
    model = FeatureRanker(network, feature.shape[1], options.hidden_units).eval()
    parameters: list[dict[str, Any]] = [
        {"params": model.network.parameters(), "lr": ranker.dense_rate},
        {"params": model.tower.parameters(), "lr": options.rate},
    ]
    optimizer = torch.optim.Adam(parameters)
    order = np.random.default_rng([DAY, seed])
    cut = round(0.75 * len(rows))
    used = ~left_out
    oldest, newest = np.flatnonzero(used[seed, :cut]), np.flatnonzero(used[seed, cut:]) + cut
    # As many steps as the seed with the most rows.
    steps = -(-used[:, :cut].sum(axis=1).max() // options.batch_size)

    def loss_of(chosen: Any) -> Tensor:
        logits = forward(model, rows, feature, chosen)
        return binary_cross_entropy_with_logits(logits, rows.labels[chosen])

    best, kept = loss_of(newest).item(), deepcopy(model.state_dict())
    for _ in range(options.epochs):
        for batch in np.array_split(order.permutation(oldest), steps):
            optimizer.zero_grad()
            torch.autograd.backward(loss_of(torch.from_numpy(batch)))
            optimizer.step()
        if (loss := loss_of(newest).item()) < best:
            best, kept = loss, deepcopy(model.state_dict())
    model.load_state_dict(kept)
    with torch.no_grad():
        scores: NDArray[np.float64] = (
            forward(model, rows, feature, slice(None)).double().sigmoid().numpy()
        )
    return scores


def auc(rows: DenseRows, scores: NDArray[np.float64]) -> float:
    return float(np.mean([roc_auc_score(rows.labels.numpy(), one) for one in scores]))


@pytest.mark.parametrize("hidden_units", [0, 5])
def test_all_rankers_start_as_the_network_alone(hidden_units: int) -> None:
    rows = random_rows(50)
    options = retrain_options(hidden_units=hidden_units)
    rankers = ParallelRankers(network_of(), WIDTH, 3, RATE, options)
    scores = rankers.score(rows, random_features(50))
    assert scores.shape == (2, 3, 50)
    assert np.array_equal(scores, np.broadcast_to(scores[0, 0], scores.shape))
    alone = logits_alone(network_of(), rows)
    # Stacked matrices may be multiplied in another order, so the last bit of float32 may differ.
    np.testing.assert_allclose(scores[0, 0], alone.double().sigmoid(), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("hidden_units", "pooling", "count", "groups"),
    [
        (0, "mean", 90, 0),
        (5, "attention", 90, 2),
        (0, "attention", 37, 0),
        (5, "mean", 2, 0),
        (0, "mean", 120, 2),
        (0, "mean", 118, 3),
    ],
)
def test_parallel_rankers_train_as_each_alone_without_its_group(
    float64: None, hidden_units: int, pooling: Any, count: int, groups: int
) -> None:
    """In float64, so that sums in another order leave the same nine digits."""
    ranker = RANKER.model_copy(update={"history_pooling": pooling})
    options = retrain_options(hidden_units=hidden_units, seeds=max(groups, 2))
    rows, features = random_rows(count), random_features(count)
    features[1, :, 0] = 2 * rows.labels - 1
    scores = retrained(rows, features, options, ranker, groups=groups)
    group = groups_of(count, groups).of_row
    left_out = (group == np.arange(options.seeds)[:, None]) & (groups > 0)
    for seed in range(options.seeds):
        alone = [
            trained_alone(rows, feature, options, ranker, seed, left_out) for feature in features
        ]
        for feature, after in enumerate(scores.after[seed]):
            kept = not np.allclose(after, alone[0], rtol=0, atol=1e-9)
            np.testing.assert_allclose(after, alone[feature * kept], rtol=0, atol=1e-9)
    if count > 30:
        assert np.abs(scores.after - scores.before).max() > 1e-3
        assert not np.array_equal(scores.after[0], scores.after[1])


def test_the_baseline_does_not_depend_on_the_other_features() -> None:
    rows = random_rows(60)
    features, others = random_features(60, seed=1), 3 * random_features(60, seed=2)
    features[1, :, 0] = others[1, :, 0] = 2 * rows.labels - 1
    first = retrained(rows, features, retrain_options()).after
    second = retrained(rows, others, retrain_options()).after
    # Matrices of a stack may be multiplied in another order than those beside them.
    np.testing.assert_allclose(first[:, 0], second[:, 0], rtol=0, atol=1e-6)
    assert not np.array_equal(first[:, 1], second[:, 1])


def test_rankers_of_equal_weights_give_equal_scores_bit_for_bit() -> None:
    """A tower that has learnt nothing must not differ from the baseline by rounding."""
    rows, features = random_rows(60), random_features(60, features=7)
    scores = retrained(rows, features, retrain_options(rate=1e-30), RESTING).after
    assert np.array_equal(scores, np.broadcast_to(scores[0, 0], scores.shape))


def test_equal_features_are_found() -> None:
    fit, score = random_features(5, features=6), random_features(3, features=6)
    fit[2], score[2] = fit[1], score[1]
    fit[4] = fit[1]
    fit[5], score[5] = fit[0], score[0]
    assert distinct(fit, score) == ([0, 1, 3, 4], [0, 1, 1, 2, 3, 0])


@pytest.mark.parametrize("hidden_units", [0, 5])
def test_the_same_rows_give_the_same_bytes(hidden_units: int) -> None:
    rows, features = random_rows(60), random_features(60)
    options = retrain_options(hidden_units=hidden_units)
    scores = []
    for seed in (3, 4):
        # Random numbers drawn before must not matter.
        torch.manual_seed(seed)
        scores.append(retrained(rows, features, options).after.tobytes())
    assert scores[0] == scores[1]


def test_the_random_state_is_restored() -> None:
    network = network_of()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    ParallelRankers(network, WIDTH, 2, RATE, retrain_options(hidden_units=4))
    assert torch.equal(torch.rand(1), expected)


def test_a_leaked_label_is_learnt_and_noise_is_not() -> None:
    rows, other = random_rows(1500, seed=3), random_rows(1500, seed=4)
    fit_inputs, score_inputs = random_features(1500, seed=5), random_features(1500, seed=6)
    for features, of_rows in ((fit_inputs, rows), (score_inputs, other)):
        features[1, :, 0] = 2 * of_rows.labels - 1
    options = retrain_options(rate=0.05)
    scores = retrained(rows, fit_inputs, options, score=(other, score_inputs)).after
    baseline, label, noise = (auc(other, scores[:, feature]) for feature in range(3))
    assert baseline < 0.9
    assert label > 0.99
    assert abs(noise - baseline) < 0.02


@pytest.mark.parametrize("rates", [{"rate": 1e3}, {"dense_rate": 1e3}])
def test_rankers_that_only_get_worse_keep_their_initial_weights(rates: dict[str, float]) -> None:
    rows, features = random_rows(80), random_features(80)
    ranker = RANKER.model_copy(update={"dense_rate": rates.get("dense_rate", 1e-9)})
    scores = retrained(rows, features, retrain_options(rate=rates.get("rate", 1e-9)), ranker)
    # The features are noise; a step of this size can only raise the log-loss.
    assert np.array_equal(scores.after, scores.before)


def test_each_ranker_keeps_its_own_best_epoch() -> None:
    """The same extreme learning rate ruins the ranker of a noise feature, not the one of zeros."""
    rows, features = random_rows(400), random_features(400)
    features[2] = 0
    ranker = RANKER.model_copy(update={"dense_rate": 0.01})
    scores = retrained(rows, features, retrain_options(rate=50.0, epochs=3), ranker)
    np.testing.assert_allclose(scores.after[:, 0], scores.after[:, 2], rtol=0, atol=1e-6)
    assert np.array_equal(scores.after[:, 1], scores.after[:, 0])


def test_a_feature_of_noise_costs_nothing_of_what_training_gains() -> None:
    left_out = []
    for world in range(20):
        rows, features = random_rows(200, seed=world), random_features(200, seed=100 + world)
        after = retrained(rows, features, retrain_options(rate=0.05, epochs=3)).after
        left_out += [np.array_equal(one, of_seed[0]) for of_seed in after for one in of_seed[1:]]
    assert np.mean(left_out) > 0.7


def test_validation_rows_do_not_train() -> None:
    """Other labels in the newest quarter change no weight; one epoch, certain to be kept."""
    rows, features = random_rows(80), random_features(80)
    labels = torch.cat([rows.labels[:60], rows.labels[:20].flip(0)])
    changed = features.clone()
    changed[1, :, 0] = 2 * rows.labels - 1
    changed[1, 60:, 0] = 2 * labels[60:] - 1
    other = replace(rows, labels=labels)
    options = retrain_options(epochs=1, rate=0.05)
    first = features.clone()
    first[1, :, 0] = 2 * rows.labels - 1
    kept = retrained(rows, first, options).after[:, 1, :60]
    assert np.array_equal(kept, retrained(other, changed, options).after[:, 1, :60])


def test_there_may_be_no_rows_to_score() -> None:
    rows, features = random_rows(30), random_features(30)
    nothing = DenseRows(
        rows.vectors,
        *(each[:0] for each in (rows.fields, rows.history, rows.statistics, rows.labels)),
    )
    scores = retrained(rows, features, retrain_options(), score=(nothing, features[:, :0])).after
    assert scores.shape == (2, 3, 0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_rows_to_validate_change_no_weight(count: int) -> None:
    score = random_rows(20), random_features(20)
    scores = retrained(random_rows(count), random_features(count), retrain_options(), score=score)
    assert np.isfinite(scores.after).all()
    if count < 2:
        assert np.array_equal(scores.after, scores.before)


class Normalised(nn.Module):
    """A custom network with dropout and with buffers, one of them an integer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(FIELDS * DIM)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(FIELDS * DIM, 1))

    def forward(self, fields: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(fields.flatten(1))).squeeze(1)
        return logits


def test_a_network_with_buffers_and_dropout_trains_in_evaluation_mode() -> None:
    torch.manual_seed(0)
    custom, rows, features = Normalised(), random_rows(60), random_features(60)
    network = WideAndDeep(custom, STATISTICS, deep_reads_statistics=False)
    custom(rows.vectors[rows.fields], rows.vectors[rows.history], rows.history < 30)
    rankers = ParallelRankers(network, WIDTH, 3, RATE, retrain_options())
    before = rankers.score(rows, features)
    alone = logits_alone(network, rows)
    np.testing.assert_allclose(before[1, 2], alone.double().sigmoid(), rtol=0, atol=1e-6)
    features[1, :, 0] = 2 * rows.labels - 1
    rankers.train(rows, features, DAY, groups_of(60))
    after = rankers.score(rows, features)
    assert auc(rows, after[:, 1]) > auc(rows, before[:, 1])


def test_the_given_network_is_not_changed() -> None:
    network, rows, features = network_of(), random_rows(60), random_features(60)
    before = deepcopy(network.state_dict())
    rankers = ParallelRankers(network, WIDTH, 3, RATE, retrain_options())
    rankers.train(rows, features, DAY, groups_of(60))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_tower_is_on_the_device_of_the_network() -> None:
    """The meta device computes shapes only, and rejects tensors on other devices."""
    rows, features = random_rows(20), random_features(20)
    parts = [part for part in vars(rows).values() if isinstance(part, Tensor)]
    on_meta = DenseRows(*(part.to("meta") for part in parts))
    rankers = ParallelRankers(network_of().to("meta"), WIDTH, 3, RATE, retrain_options())
    # Only the final copy to the host fails, because meta tensors have no values.
    with pytest.raises(NotImplementedError, match="meta"):
        rankers.score(on_meta, features.to("meta"))
