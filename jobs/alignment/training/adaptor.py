"""The CTR-aware adaptor: trained through the frozen ranker, on frozen vectors.

Source: IDProxy, arXiv 2603.01590, where it brought the larger half of the gain. A linear map takes
an adapted vector to the place of the item's embedding in the ranker's network, and the log-loss of
clicks trains the adaptor and the map. The ranker, its other embeddings and the encoder stay as they
are. Rows are of the fit fold, which no ranker was trained on, of days before the day of alignment.

All days are read by one ranker, the newest as of that day: the embeddings of older ones lie
elsewhere, and a map to all of them fits none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.alignment.aligned_encoder import Adaptor, AlignedEncoder
from jobs.alignment.inference.item_content import newest_content
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import starting_ranker_days, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.model.wide_and_deep import WideAndDeep
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.rows.read_day import require_day
from jobs.ranker.scoring.starting_ranker import starting_ranker
from jobs.scenarios import Fold, Scenario
from jobs.scenarios.hints import lis_command

HIDDEN = 64
EPOCHS = 5
BATCH_SIZE = 512
RATE = 1e-3
VALIDATION_DAYS = 0.2
"""Share of the days, the last ones, on which the epoch is chosen."""
RIDGE = 1.0
"""Penalty of the regression that the linear map starts from."""

log = logging.getLogger("jobs")


def adaptor_days(lake: Lake, scenario: Scenario, day: date) -> list[date]:
    """The days whose rows train the adaptor: the last ``fit.days`` with a ranker before a day.

    Raises:
        InputError: If there are fewer than two, or item vectors are imported.
    """
    if scenario.snapshots is not None:
        raise InputError(
            f"alignment.training.adaptor: scenario {scenario.name} imports item vectors and has no "
            "ranker to train an adaptor through: set it to false"
        )
    found = [one for one in _ranker_days(lake, scenario, day) if one < day]
    if len(found) < 2:
        raise InputError(
            f"alignment.training.adaptor: {scenario.name} has {len(found)} days with a ranker "
            f"before {day}, and an adaptor needs 2: run "
            f"{lis_command('train', scenario, until=day - timedelta(days=1))}, or set it to false"
        )
    return found[-scenario.fit.days :]


def adaptor_inputs(lake: Lake, scenario: Scenario, day: date) -> dict[str, str]:
    """Digests of the ranker and rows that train the adaptor as of the start of a day.

    Raises:
        InputError: If rows of a day are not published, or there are too few days.
    """
    days = adaptor_days(lake, scenario, day)
    way_out = f"run {lis_command('train', scenario)} first"
    ranker = starting_ranker_partition(scenario, _ranker_days(lake, scenario, day)[-1])
    rows = [
        {table: manifest.digest for table, manifest in require_day(lake, scenario, day).items()}
        for day in days
    ]
    return {"ranker": lake.require(ranker, way_out).digest, "rows": digest_of(rows)}


def train_adaptor(
    lake: Lake, scenario: Scenario, aligned: AlignedEncoder, aligned_at: date
) -> dict[str, Any]:
    """Train an adaptor and put it on an aligned encoder; the epoch of the lowest log-loss counts.

    Args:
        lake: Where rows, items and rankers are stored.
        scenario: The scenario.
        aligned: The encoder, which gets the adaptor.
        aligned_at: Day S. The ranker is as of its start at the latest, and rows are of days before.

    Returns:
        ``log_loss`` of validation days by epoch, of which the first is before training;
        ``best_epoch``, ``rows`` and ``days``.

    Raises:
        InputError: If no row of the days has an item with content.
    """
    device, days = aligned.device, adaptor_days(lake, scenario, aligned_at)
    ids, vectors = _item_vectors(lake, scenario, aligned, days)
    ranker = starting_ranker(lake, scenario, _ranker_days(lake, scenario, aligned_at)[-1])
    found = [
        _FrozenDay.of(ranker, read_day_rows(ranker, lake, scenario, day, [Fold.FIT]), ids)
        for day in days
    ]
    held_out = max(round(VALIDATION_DAYS * len(days)), 1)
    train, validation = found[:-held_out], found[-held_out:]
    rows = [sum(len(day) for day in part) for part in (train, validation)]
    if not all(rows):
        raise InputError(
            f"alignment.training.adaptor: from {days[0]} to {days[-1]} {rows[0]} rows of the fit "
            f"fold to train on and {rows[1]} to choose an epoch on have an item with content: set "
            "it to false, or a higher folds.fit"
        )
    seed = scenario.alignment.training.seed
    with deterministic(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        adaptor = Adaptor(aligned.dim, HIDDEN).to(device)
        to_ranker = aligned.placement or _fitted_map(vectors, train).to(device)
        weights = [*adaptor.parameters(), *to_ranker.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=RATE)
        losses = [_log_loss(adaptor, to_ranker, vectors, validation)]
        best = _copied(adaptor), _copied(to_ranker)
        for epoch in range(1, EPOCHS + 1):
            for day, part in _batches(train, np.random.default_rng((seed, epoch))):
                loss = day.loss(to_ranker(adaptor(vectors[day.item[part]])), part)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
            losses.append(_log_loss(adaptor, to_ranker, vectors, validation))
            if losses[-1] < min(losses[:-1]):
                best = _copied(adaptor), _copied(to_ranker)
    for module, weights_of_best in zip((adaptor, to_ranker), best, strict=True):
        module.load_state_dict(weights_of_best)
    aligned.adaptor, aligned.placement = adaptor, to_ranker
    epoch = int(np.argmin(losses))
    log.info(
        "%s: adaptor of %d rows: log-loss %.5f, was %.5f, in epoch %d of %d",
        scenario.name,
        rows[0],
        losses[epoch],
        losses[0],
        epoch,
        EPOCHS,
    )
    return {"best_epoch": epoch, "days": len(days), "log_loss": losses, "rows": rows[0]}


@dataclass(frozen=True, eq=False)
class _FrozenDay:
    """Rows of a day with an item that has a vector, and the network that reads them.

    Attributes:
        network: The network, which is not trained.
        item_field: Index of the item among the fields.
        rows: The rows.
        kept: int64, (kept rows,). Numbers of those whose item has a vector.
        item: int64, (kept rows,). Number of that vector.
    """

    network: WideAndDeep
    item_field: int
    rows: DayRows
    kept: NDArray[np.int64]
    item: Tensor

    def __len__(self) -> int:
        return len(self.kept)

    @classmethod
    def of(cls, ranker: Ranker, rows: DayRows, ids: pa.Array) -> _FrozenDay:
        """Find the vectors of the items of rows.

        Args:
            ranker: Has encoded the rows.
            rows: The rows.
            ids: Items that have a vector.
        """
        number = Vocabulary(ids).rows(rows.items)
        kept = np.flatnonzero(number >= 0)
        network = ranker.network.eval().requires_grad_(False)
        item = torch.from_numpy(number[kept]).to(ranker.device)
        return cls(network, ranker.item_field, rows, kept, item)

    def loss(self, embeddings: Tensor, part: NDArray[np.int64]) -> Tensor:
        """Mean log-loss of some kept rows, with other embeddings of their items, (part, dim)."""
        rows, device = self.rows, embeddings.device
        numbers = self.kept[part]
        vectors = torch.from_numpy(rows.vectors).to(device)
        fields = vectors[torch.from_numpy(rows.fields[numbers]).to(device)]
        fields = torch.cat(
            [
                fields[:, : self.item_field],
                embeddings[:, None],
                fields[:, self.item_field + 1 :],
            ],
            dim=1,
        )
        history = torch.from_numpy(rows.history[numbers]).to(device)
        clicked = history < len(vectors) - 1
        statistics = torch.from_numpy(rows.dense_inputs(numbers)).to(device)
        logits = self.network(fields, vectors[history], clicked, statistics)
        labels = torch.from_numpy(rows.labels[numbers]).to(device)
        return binary_cross_entropy_with_logits(logits.float(), labels)

    def embeddings(self) -> NDArray[np.float32]:
        """What the ranker itself has for the items of the kept rows, (kept rows, dim)."""
        index = self.rows.fields[self.kept, self.item_field]
        found: NDArray[np.float32] = self.rows.vectors[index]
        return found


def _ranker_days(lake: Lake, scenario: Scenario, day: date) -> list[date]:
    """Days D through a day with a ranker M_D, which was trained on days before D."""
    return [one for one in starting_ranker_days(lake, scenario) if one <= day]


def _item_vectors(
    lake: Lake, scenario: Scenario, aligned: AlignedEncoder, days: Sequence[date]
) -> tuple[pa.Array, Tensor]:
    """Ids of the items with content that came before the last day's end, and their vectors."""
    unplaced = AlignedEncoder(aligned.encoder, aligned.dim)
    unplaced.projection = aligned.projection
    ids, vectors = [], []
    for content in newest_content(lake, scenario, days[-1]):
        ids.append(content["item_id"].combine_chunks())
        vectors.append(unplaced.vectors(content))
    if not ids:
        raise InputError(
            f"alignment.training.adaptor: no item of {scenario.name} through {days[-1]} has "
            "content: set it to false"
        )
    return pa.concat_arrays(ids), torch.from_numpy(np.concatenate(vectors)).to(aligned.device)


def _fitted_map(vectors: Tensor, days: Sequence[_FrozenDay]) -> nn.Linear:
    """A linear map from vectors to the ranker's embeddings of the same items, by ridge regression.

    Started at random it would begin by leading the frozen network astray.
    """
    number = torch.cat([day.item for day in days])
    inputs = vectors[number].cpu().double().numpy()
    outputs = np.concatenate([day.embeddings() for day in days]).astype(np.float64)
    means = inputs.mean(axis=0), outputs.mean(axis=0)
    inputs, outputs = inputs - means[0], outputs - means[1]
    penalty = RIDGE * np.eye(inputs.shape[1])
    weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ outputs)
    fitted = nn.Linear(inputs.shape[1], outputs.shape[1])
    with torch.no_grad():
        fitted.weight.copy_(torch.from_numpy(weights.T))
        fitted.bias.copy_(torch.from_numpy(means[1] - means[0] @ weights))
    return fitted


def _batches(
    days: Sequence[_FrozenDay], draw: np.random.Generator
) -> Iterator[tuple[_FrozenDay, NDArray[np.int64]]]:
    """Shuffled rows of one day after the other, in shuffled order."""
    for number in draw.permutation(len(days)):
        day = days[number]
        if len(day):
            order = draw.permutation(len(day))
            for part in np.array_split(order, -(-len(day) // BATCH_SIZE)):
                yield day, part


def _log_loss(
    adaptor: Adaptor, to_ranker: nn.Linear, vectors: Tensor, days: Sequence[_FrozenDay]
) -> float:
    """Mean log-loss in nats over all kept rows of some days."""
    total, rows = 0.0, 0
    with torch.no_grad():
        for day in days:
            for part in np.array_split(np.arange(len(day)), -(-len(day) // BATCH_SIZE) or 1):
                if len(part):
                    adapted = to_ranker(adaptor(vectors[day.item[part]]))
                    total += float(day.loss(adapted, part)) * len(part)
                    rows += len(part)
    return total / rows


def _copied(module: nn.Module) -> Mapping[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
