"""Training rankers side by side that differ in one feature alone.

Each of them is the dense part of M_T with a tower beside it that takes the feature. The tower adds
nothing at first, so all start as M_T. Those of one seed train on the same batches in the same
order; the seeds differ in that order. All are stacked, so that one pass over the rows trains them.

Embeddings are not trained here. A row of day d has those of M_d, as the lineage had learnt them
before that day: with M_T's, a row of the past would meet a ranker that knows its future, and the
feature would seem worth less than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.ranker.model.device import deterministic, one_thread
from jobs.scenarios import RankerOptions, RetrainOptions

VALIDATION_SHARE = 0.25
"""The newest part of the rows, on which each ranker chooses how long it trains."""

_ROWS_AT_ONCE = 4096
_SMALL_STEP = 200_000_000
"""Weights met by the rows of a step, below which a second thread costs more than it brings."""

_TOWER = "tower."


@dataclass(frozen=True)
class DenseRows:
    """Rows as the dense part of a ranker takes them, by position in a table of vectors.

    vectors: float32, (distinct, dim); the last is zero and pads histories. fields: int64,
    (rows, fields). history: int64, (rows, clicks). labels: float32, (rows,). Oldest rows first.
    """

    vectors: Tensor
    fields: Tensor
    history: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class FeatureRanker(nn.Module):
    """A ranker's dense part, and a tower beside it that takes the feature."""

    def __init__(self, network: nn.Module, feature_width: int, hidden_units: int) -> None:
        """hidden_units: of the tower; 0 makes it linear."""
        super().__init__()
        self.network = network
        layers: list[nn.Module] = []
        if hidden_units:
            layers = [nn.Linear(feature_width, hidden_units), nn.ReLU()]
        output = nn.Linear(hidden_units or feature_width, 1)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
        self.tower = nn.Sequential(*layers, output)

    def forward(self, fields: Tensor, history: Tensor, clicked: Tensor, feature: Tensor) -> Tensor:
        """Return logits, shape (rows,). feature: (rows, feature width); else see ``network``."""
        logits: Tensor = self.network(fields, history, clicked) + self.tower(feature).squeeze(1)
        return logits


class SideBySide:
    """Rankers by seed and feature, stacked in one network."""

    def __init__(
        self,
        network: nn.Module,
        feature_width: int,
        features: int,
        ranker: RankerOptions,
        options: RetrainOptions,
    ) -> None:
        """Start ``options.seeds`` x ``features`` rankers from M_T's dense part, on its device."""
        self._options = options
        device = next(network.parameters()).device
        seeds = []
        for seed in range(options.seeds):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                started = FeatureRanker(deepcopy(network), feature_width, options.hidden_units)
            # As M_T scores: dropout would have the rankers differ by chance.
            seeds += [started.to(device).eval()] * features
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
        self._is_small = weights * options.batch_size < _SMALL_STEP
        self._optimizer = torch.optim.Adam(
            [{"params": dense, "lr": ranker.dense_rate}, {"params": tower, "lr": options.rate}]
        )

    def train(self, rows: DenseRows, features: Tensor, seed: int) -> None:
        """Train all rankers; each keeps the weights of its best epoch, M_T's own among them.

        rows: oldest first; the newest quarter is not trained on, but validates. features:
        (features, rows, width). seed: of the order of rows, besides each ranker's own.
        """
        cut = round(len(rows) * (1 - VALIDATION_SHARE))
        orders = [np.random.default_rng([seed, s]) for s in range(self._options.seeds)]
        with deterministic(), one_thread(self._is_small):
            best = self._validation_loss(rows, features, cut)
            kept = {name: value.detach().clone() for name, value in self._parameters.items()}
            for _ in range(self._options.epochs):
                for batch in _batches(cut, self._options.batch_size, orders):
                    self._step(rows, features, batch)
                loss = self._validation_loss(rows, features, cut)
                better = loss < best
                best = torch.where(better, loss, best)
                for name, value in self._parameters.items():
                    kept[name][better] = value.detach()[better]
            with torch.no_grad():
                for name, value in self._parameters.items():
                    value.copy_(kept[name])

    @torch.no_grad()
    def score(self, rows: DenseRows, features: Tensor) -> NDArray[np.float64]:
        """Click probabilities, shape (seeds, features, rows)."""
        with deterministic(), one_thread(self._is_small):
            logits = torch.cat(list(self._in_parts(rows, features, 0)), dim=2)
            scores: NDArray[np.float64] = torch.sigmoid(logits.double()).cpu().numpy()
        return scores

    def _step(self, rows: DenseRows, features: Tensor, batch: Tensor) -> None:
        logits = self._logits(rows, features, batch)
        labels = rows.labels[batch][:, None].expand_as(logits)
        losses = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        self._optimizer.zero_grad()
        torch.autograd.backward(losses.mean(dim=2).sum())
        self._optimizer.step()

    @torch.no_grad()
    def _validation_loss(self, rows: DenseRows, features: Tensor, cut: int) -> Tensor:
        """Mean log-loss of the rows from ``cut`` on, shape (seeds, features)."""
        logits = torch.cat(list(self._in_parts(rows, features, cut)), dim=2)
        labels = rows.labels[cut:].expand_as(logits)
        return binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(dim=2)

    def _in_parts(self, rows: DenseRows, features: Tensor, start: int) -> Iterator[Tensor]:
        seeds = self._options.seeds
        numbers = torch.arange(start, len(rows), device=rows.labels.device)
        for part in torch.split(numbers, _ROWS_AT_ONCE):
            yield self._logits(rows, features, part.expand(seeds, -1))

    def _logits(self, rows: DenseRows, features: Tensor, batch: Tensor) -> Tensor:
        """Logits of rows given by number, (seeds, batch); shape (seeds, features, batch)."""
        fields = rows.vectors[rows.fields[batch]]
        index = rows.history[batch]
        history, clicked = rows.vectors[index], index < len(rows.vectors) - 1
        of_features = (0, 0, None, None, None, 0)
        stacked: Tensor = torch.vmap(torch.vmap(self._one, of_features), 0)(
            self._parameters,
            self._buffers,
            fields,
            history,
            clicked,
            features[:, batch].transpose(0, 1),
        )
        return stacked

    def _one(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], *inputs: Tensor
    ) -> Tensor:
        logits: Tensor = functional_call(self._template, (parameters, buffers), inputs)
        return logits


def _split(stacked: Tensor, shape: tuple[int, int]) -> Tensor:
    return stacked.detach().reshape(*shape, *stacked.shape[1:]).clone()


def _batches(rows: int, batch_size: int, orders: Sequence[np.random.Generator]) -> Iterator[Tensor]:
    """Shuffled row numbers, (seeds, batch), in batches of nearly equal size."""
    if rows:
        shuffled = torch.from_numpy(np.stack([order.permutation(rows) for order in orders]))
        yield from torch.tensor_split(shuffled, -(-rows // batch_size), dim=1)
