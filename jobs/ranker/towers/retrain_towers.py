"""Retrain mode: train several rankers at once that differ in one feature only.

Each ranker is the dense part of M_T plus a tower whose input is the feature. The tower's output is
zero at first, so all rankers start as M_T. Rankers of one seed train on the same batches in the
same order; the order differs between seeds, and each seed leaves out the rows of one group of
users (a jackknife). Their weights are stacked, so that one pass over the rows trains all of them.

Embeddings are not trained. A row of day d uses the embeddings of M_d, which were trained before
that day. Embeddings of M_T have been trained on the time after the row, so the feature would seem
to add less than it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.ranker.model.device import SMALL_STEP, deterministic, single_thread
from jobs.ranker.rows.day_rows import DenseRows
from jobs.ranker.towers.fit_parts import UserGroups
from jobs.ranker.towers.regression import is_better
from jobs.ranker.towers.seed_batches import seed_batches
from jobs.scenarios import RetrainOptions

VALIDATION_SHARE = 0.25
"""Share of the rows, the newest ones, on which each ranker chooses its best epoch."""

_ROWS_AT_ONCE = 4096

_TOWER = "tower."


class FeatureRanker(nn.Module):
    """A ranker's dense part plus a tower on the feature; the logits of both are added."""

    def __init__(self, network: nn.Module, feature_width: int, hidden_units: int) -> None:
        """Put a new tower beside a network.

        Args:
            network: The dense part.
            feature_width: Number of input columns of the tower.
            hidden_units: Width of the tower's hidden layer; 0 makes the tower linear.
        """
        super().__init__()
        self.network = network
        layers: list[nn.Module] = []
        if hidden_units:
            layers = [nn.Linear(feature_width, hidden_units), nn.ReLU()]
        output = nn.Linear(hidden_units or feature_width, 1)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
        self.tower = nn.Sequential(*layers, output)

    def forward(
        self,
        fields: Tensor,
        history: Tensor,
        clicked: Tensor,
        statistics: Tensor,
        feature: Tensor,
    ) -> Tensor:
        """Compute click logits, (rows,).

        Args:
            fields: See ``WideAndDeep``.
            history: See ``WideAndDeep``.
            clicked: See ``WideAndDeep``.
            statistics: See ``WideAndDeep``.
            feature: float32, (rows, feature width).
        """
        ranker_logits: Tensor = self.network(fields, history, clicked, statistics)
        logits: Tensor = ranker_logits + self.tower(feature).squeeze(1)
        return logits


class ParallelRankers:
    """One ranker per seed and feature, trained in parallel as one stacked network."""

    def __init__(
        self,
        network: nn.Module,
        feature_width: int,
        features: int,
        dense_rate: float,
        options: RetrainOptions,
    ) -> None:
        """Start all rankers from the dense part of M_T, on its device.

        Args:
            network: The dense part of M_T; it is copied.
            feature_width: Number of input columns of each tower.
            features: Number of features; there are ``options.seeds`` times as many rankers.
            dense_rate: Learning rate of Adam for the dense part.
            options: Options of retrain mode.
        """
        self._options = options
        device = next(network.parameters()).device
        seeds = []
        for seed in range(options.seeds):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                ranker_of_seed = FeatureRanker(
                    deepcopy(network), feature_width, options.hidden_units
                )
            # In evaluation mode, because dropout would make the rankers differ by chance.
            seeds += [ranker_of_seed.to(device).eval()] * features
        self._template = seeds[0]
        stacked, buffers = stack_module_state(seeds)
        shape = (options.seeds, features)
        self._parameters = {
            name: _split(value, shape).requires_grad_() for name, value in stacked.items()
        }
        self._buffers = {name: _split(value, shape) for name, value in buffers.items()}
        tower = [value for name, value in self._parameters.items() if name.startswith(_TOWER)]
        dense = [value for name, value in self._parameters.items() if not name.startswith(_TOWER)]
        weights = sum(value.numel() for value in self._parameters.values())
        self._is_small = weights * options.batch_size < SMALL_STEP
        self._optimizer = torch.optim.Adam(
            [{"params": dense, "lr": dense_rate}, {"params": tower, "lr": options.rate}]
        )

    def train(self, rows: DenseRows, features: Tensor, seed: int, groups: UserGroups) -> None:
        """Train all rankers; each keeps the weights of its best epoch, the initial ones included.

        A ranker without a better epoch is M_T, its dense part as well as its tower. A feature that
        does not lower the validation loss beyond noise is left out: its ranker is that of the first
        feature, which is none. Otherwise a shuffled feature would cost what the training gains.

        Args:
            rows: Training rows, oldest first. The newest quarter is used for validation only.
            features: float32, (features, rows, width). The first is all zeros.
            seed: Determines the order of rows, together with the seed of each ranker.
            groups: The users of the rows. Rankers of seed s leave out the rows of group s, modulo
                the number of groups, in training and in validation.
        """
        kept = groups.kept(self._options.seeds)
        cut = round(len(rows) * (1 - VALIDATION_SHARE))
        orders = [np.random.default_rng([seed, s]) for s in range(self._options.seeds)]
        with deterministic(), single_thread(self._is_small):
            validated = torch.from_numpy(kept[:, cut:]).to(rows.labels.device)
            best = self._validation_loss(rows, features, cut, validated)
            best_weights = {
                name: value.detach().clone() for name, value in self._parameters.items()
            }
            for _ in range(self._options.epochs):
                for batch, is_row in seed_batches(kept[:, :cut], self._options.batch_size, orders):
                    self._train_step(rows, features, batch, is_row.to(rows.labels.device))
                loss = self._validation_loss(rows, features, cut, validated)
                better = loss < best
                best = torch.where(better, loss, best)
                for name, value in self._parameters.items():
                    best_weights[name][better] = value.detach()[better]
            with torch.no_grad():
                for name, value in self._parameters.items():
                    value.copy_(best_weights[name])
                users = torch.from_numpy(groups.users[cut:]).to(rows.labels.device)
                losses = self._validation_losses(rows, features, cut)
                self._leave_out_features(losses, users, validated)

    def _leave_out_features(self, losses: Tensor, users: Tensor, validated: Tensor) -> None:
        """Give a ranker the weights of the first one of its seed where it is not better.

        Args:
            losses: Validation losses, (seeds, features, rows).
            users: int64, (rows,).
            validated: bool, (seeds, rows).
        """
        for seed, feature in np.ndindex(*losses.shape[:2]):
            counted = validated[seed]
            of_feature, of_none = losses[seed, feature, counted], losses[seed, 0, counted]
            if feature and not is_better(of_feature, of_none, users[counted]):
                for value in self._parameters.values():
                    value[seed, feature] = value[seed, 0]
                self._parameters[f"{_TOWER}0.weight"][seed, feature] = 0

    @torch.no_grad()
    def score(self, rows: DenseRows, features: Tensor) -> NDArray[np.float64]:
        """Compute click probabilities, (seeds, features, rows).

        One ranker at a time: in a stack, the last bit of a product depends on the place in it, and
        rankers of equal weights must give equal scores.
        """
        seeds, count = self._options.seeds, len(features)
        logits = torch.empty((seeds, count, len(rows)), device=rows.labels.device)
        with deterministic(), single_thread(self._is_small):
            for seed, feature in np.ndindex(seeds, count):
                parameters, buffers = (
                    {name: value[seed, feature].clone() for name, value in stacked.items()}
                    for stacked in (self._parameters, self._buffers)
                )
                for start in range(0, len(rows), _ROWS_AT_ONCE):
                    part = torch.arange(start, min(start + _ROWS_AT_ONCE, len(rows)))
                    inputs = (*_inputs(rows, part), features[feature][part])
                    logits[seed, feature, part] = self._logits_of_one(parameters, buffers, *inputs)
            scores: NDArray[np.float64] = torch.sigmoid(logits.double()).cpu().numpy()
        return scores

    def _train_step(self, rows: DenseRows, features: Tensor, batch: Tensor, is_row: Tensor) -> None:
        logits = self._logits(rows, features, batch)
        labels = rows.labels[batch][:, None].expand_as(logits)
        losses = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        self._optimizer.zero_grad()
        torch.autograd.backward(_mean(losses, is_row).sum())
        self._optimizer.step()

    @torch.no_grad()
    def _validation_loss(
        self, rows: DenseRows, features: Tensor, cut: int, validated: Tensor
    ) -> Tensor:
        """Mean log-loss of the rows from ``cut`` on that each seed validates, (seeds, features)."""
        return _mean(self._validation_losses(rows, features, cut), validated)

    @torch.no_grad()
    def _validation_losses(self, rows: DenseRows, features: Tensor, cut: int) -> Tensor:
        """Log-loss of the rows from ``cut`` on, (seeds, features, rows)."""
        logits = torch.cat(list(self._in_parts(rows, features, cut)), dim=2)
        labels = rows.labels[cut:].expand_as(logits)
        return binary_cross_entropy_with_logits(logits, labels, reduction="none")

    def _in_parts(self, rows: DenseRows, features: Tensor, start: int) -> Iterator[Tensor]:
        seeds = self._options.seeds
        numbers = torch.arange(start, len(rows), device=rows.labels.device)
        for part in torch.split(numbers, _ROWS_AT_ONCE):
            yield self._logits(rows, features, part.expand(seeds, -1))

    def _logits(self, rows: DenseRows, features: Tensor, batch: Tensor) -> Tensor:
        """Logits of the rows numbered ``batch``, (seeds, batch); shape (seeds, features, batch)."""
        # The inner vmap runs over features, which share the rows; the outer one over seeds.
        over_features = (0, 0, None, None, None, None, 0)
        stacked: Tensor = torch.vmap(torch.vmap(self._logits_of_one, over_features), 0)(
            self._parameters,
            self._buffers,
            *_inputs(rows, batch),
            features[:, batch].transpose(0, 1),
        )
        return stacked

    def _logits_of_one(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], *inputs: Tensor
    ) -> Tensor:
        logits: Tensor = functional_call(self._template, (parameters, buffers), inputs)
        return logits


def distinct(fit_inputs: Tensor, score_inputs: Tensor) -> tuple[list[int], list[int]]:
    """Find features that are equal for the rows to fit to and for those to score.

    Args:
        fit_inputs: float32, (features, rows, width).
        score_inputs: float32, (features, other rows, width).

    Returns:
        The first feature of each set of equal ones, and for each feature the position of its set.
    """
    firsts: list[int] = []
    position: list[int] = []
    for feature in range(len(fit_inputs)):
        same = [
            number
            for number, first in enumerate(firsts)
            if torch.equal(fit_inputs[first], fit_inputs[feature])
            and torch.equal(score_inputs[first], score_inputs[feature])
        ]
        position.append(same[0] if same else len(firsts))
        if not same:
            firsts.append(feature)
    return firsts, position


def _inputs(rows: DenseRows, batch: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs of a ``WideAndDeep`` for the rows numbered ``batch``."""
    index = rows.history[batch]
    is_click = index < len(rows.vectors) - 1
    fields = rows.vectors[rows.fields[batch]]
    return fields, rows.vectors[index], is_click, rows.dense_inputs(batch)


def _split(stacked: Tensor, shape: tuple[int, int]) -> Tensor:
    return stacked.detach().reshape(*shape, *stacked.shape[1:]).clone()


def _mean(losses: Tensor, is_row: Tensor) -> Tensor:
    """Mean over the rows of each seed; 0 where it has none.

    Args:
        losses: (seeds, features, rows).
        is_row: bool, (seeds, rows).

    Returns:
        (seeds, features).
    """
    counted = is_row[:, None].to(losses.dtype)
    return (losses * counted).sum(dim=2) / counted.sum(dim=2).clamp(min=1)
