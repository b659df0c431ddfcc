"""Logistic regressions on columns beside a base logit, which may also leave the base unchanged.

Which of the nested models is fitted is decided by cross-validation over blocks of days: a larger
one must lower the log-loss by more than the standard error of its gain over users. Without that
margin columns of noise are used about every second time, for their loss on other rows is as often
a little lower as a little higher, and such a tower scores the evaluation date worse than none.
Blocks are of days, not of users, because the rows of a day share the noise of their items.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

BLOCKS = 4
"""Parts of the window; models are fitted to all parts but one and compared on that one."""

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
"""L2 penalties per row to choose from; leaving the columns out is one more choice."""

SMALLEST_SCALE = 0.1
"""The base logits are never multiplied by less, so that their order remains."""

MARGIN = 1.0
"""Standard errors by which a larger model must be better than a smaller one."""

_MAX_ITERATIONS, _MAX_HALVINGS = 100, 20
_TOLERANCE = 1e-6
_SLOW = 0.3
"""A step of more than this share of the one before shows that the curvature is out of date."""


@dataclass(frozen=True, eq=False)
class Regression:
    """A logistic regression on some columns and the base logit.

    Attributes:
        weights: float64, (width + 2,). One per column, then change of the scale of the base logit
            and its shift. Two zeros leave the base unchanged, bit for bit.
    """

    weights: Tensor

    def logits(self, columns: Tensor, base: Tensor) -> Tensor:
        return base + _design(columns[:, : len(self.weights) - 2], base) @ self.weights


@dataclass(frozen=True, eq=False)
class RegressionRows:
    """Rows to fit to.

    Attributes:
        base: Base logits, float64, (rows,).
        labels: float64, (rows,).
        users: int64, (rows,). A number for each user.
    """

    base: Tensor
    labels: Tensor
    users: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: Tensor) -> RegressionRows:
        """Return some of the rows; ``rows`` is bool, (rows,)."""
        return RegressionRows(self.base[rows], self.labels[rows], self.users[rows])


@dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum of the loss, from which fits to similar rows begin.

    Attributes:
        weights: float64, (width + 2,).
        curvature: Second derivatives of the loss per row near the minimum, without penalties,
            float64, (width + 2, width + 2); None if they are not computed yet.
    """

    weights: Tensor
    curvature: Tensor | None = None

    def without(self, free: Tensor) -> Minimum:
        """Return the minimum with some of the weights only; ``free`` is bool, (width + 2,)."""
        curvature = None if self.curvature is None else self.curvature[free][:, free]
        return Minimum(self.weights[free], curvature)


class Model(IntEnum):
    """The models to choose from; each contains the one before it."""

    UNCHANGED = 0
    RESCALED = 1
    COLUMNS = 2


@dataclass(frozen=True, eq=False)
class Candidates:
    """Models of some rows, compared by cross-validation.

    Attributes:
        columns: float64, (rows, width).
        penalty: The best L2 penalty of the columns per row.
        start: The minimum with that penalty without one of the blocks.
        losses: Log-loss of each row by each model fitted without the row's block, (models, rows).
        users: int64, (rows,).
    """

    columns: Tensor
    penalty: float
    start: Minimum
    losses: Tensor
    users: Tensor

    def fit(self, rows: RegressionRows, kept: Tensor, may_rescale: bool = False) -> Regression:
        """Choose a model by the cross-validation of some rows, and fit it to them.

        Columns are used if they lower the log-loss beyond a rescaled base by more than the standard
        error, and are not worse than the base as it is.

        Args:
            rows: The rows, of which some are fitted to. Their base may differ from that of the
                cross-validation.
            kept: bool, (rows,). Which rows to fit to.
            may_rescale: Whether the base may be rescaled and shifted without columns too.
        """
        width = self.columns.shape[1]
        chosen = self._chosen(kept, may_rescale)
        unchanged = torch.zeros_like(self.start.weights[width:])
        if chosen == Model.UNCHANGED:
            return Regression(unchanged)
        part = rows.chosen(kept)
        if chosen == Model.RESCALED:
            design = _design(self.columns[kept, width:], part.base)
            return Regression(_minimum(design, part, 0.0, Minimum(unchanged)).weights)
        design = _design(self.columns[kept], part.base)
        return Regression(_minimum(design, part, self.penalty, self.start).weights)

    def _chosen(self, kept: Tensor, may_rescale: bool) -> Model:
        losses, users = self.losses[:, kept], self.users[kept]
        unchanged, rescaled, columns = losses
        chosen = Model.UNCHANGED
        if may_rescale and is_better(rescaled, unchanged, users):
            chosen = Model.RESCALED
        uses_columns = self.columns.shape[1] and columns.sum() < losses[chosen].sum()
        return Model.COLUMNS if uses_columns and is_better(columns, rescaled, users) else chosen


def cross_validated(columns: Tensor, rows: RegressionRows, blocks: Tensor) -> Candidates:
    """Fit the models without each block in turn, and choose the penalty of the columns.

    Args:
        columns: float64, (rows, width).
        rows: The rows.
        blocks: int64, (rows,). The block of each row.
    """
    width = columns.shape[1]
    design = _design(columns, rows.base)
    nothing = torch.zeros(width + 2, dtype=design.dtype, device=design.device)
    penalties = PENALTIES if width else ()
    minima: dict[float, Minimum] = {}
    losses = _losses(design, rows, nothing).repeat(2 + len(penalties), 1)
    for block in torch.unique(blocks).tolist():
        inside = blocks == block
        part, part_design = rows.chosen(~inside), design[~inside]
        rescaled = _minimum(part_design[:, width:], part, 0.0, Minimum(nothing[width:])).weights
        validated, validated_design = rows.chosen(inside), design[inside]
        losses[1, inside] = _losses(validated_design[:, width:], validated, rescaled)
        start = Minimum(nothing)
        for number, penalty in enumerate(penalties):
            # The minimum without another block is close, and for the first block that with the
            # penalty before.
            start = minima[penalty] = _minimum(
                part_design, part, penalty, minima.get(penalty, start)
            )
            losses[2 + number, inside] = _losses(validated_design, validated, start.weights)
    if not minima:
        return Candidates(columns, 0.0, Minimum(nothing), losses[[0, 1, 1]], rows.users)
    best = int(losses[2:].sum(dim=1).argmin())
    penalty = PENALTIES[best]
    return Candidates(columns, penalty, minima[penalty], losses[[0, 1, 2 + best]], rows.users)


def is_better(losses: Tensor, others: Tensor, users: Tensor) -> bool:
    """Whether losses are lower than others by more than the standard error over users.

    With the rows of a single user there is no standard error, and so no answer but no.

    Args:
        losses: Of each row, (rows,).
        others: Of each row, (rows,).
        users: int64, (rows,).
    """
    gains = others - losses
    _, index, counts = torch.unique(users, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return False
    sums = torch.zeros(len(counts), dtype=gains.dtype, device=gains.device)
    sums = sums.index_add(0, index, gains)
    deviations = sums - gains.mean() * counts
    variance = deviations.square().sum() * len(counts) / (len(counts) - 1)
    return bool(gains.sum() > MARGIN * variance.sqrt())


def _design(columns: Tensor, base: Tensor) -> Tensor:
    """The columns, then the base logit and a constant, whose weights rescale and shift it."""
    return torch.cat([columns, base[:, None], torch.ones_like(base)[:, None]], dim=1)


def _minimum(design: Tensor, rows: RegressionRows, penalty: float, start: Minimum) -> Minimum:
    """Minimise the penalised loss, with the base scaled by ``SMALLEST_SCALE`` at least.

    Args:
        design: See ``_design``, (rows, width + 2).
        rows: The rows.
        penalty: L2 penalty per row.
        start: Where to begin.
    """
    columns = len(start.weights) - 2
    ridge = torch.full_like(start.weights, penalty * len(rows))
    # Scale and shift get the penalty of one row: a few rows must not stretch the base logits.
    ridge[columns:] = 1
    found = _newton(design, rows.base, rows.labels, ridge, start)
    if found.weights[columns] >= SMALLEST_SCALE - 1:
        return found
    # The loss is convex, so the minimum within the limit lies on it.
    free = torch.ones_like(start.weights, dtype=torch.bool)
    free[columns] = False
    base = rows.base * SMALLEST_SCALE
    limited = torch.full_like(start.weights, SMALLEST_SCALE - 1)
    limited[free] = _newton(
        design[:, free], base, rows.labels, ridge[free], found.without(free)
    ).weights
    return Minimum(limited, found.curvature)


def _newton(design: Tensor, base: Tensor, labels: Tensor, ridge: Tensor, start: Minimum) -> Minimum:
    """Minimise the sum of the log-losses and ``ridge * weights**2 / 2``.

    The curvature, which takes nearly all of the time, is computed anew only where steps with the
    one at hand become small too slowly: fits to nearly the same rows share it.
    """
    weights, curvature = start.weights, start.curvature

    def objective(at: Tensor) -> tuple[Tensor, Tensor]:
        """The penalised loss, and the logits."""
        logits = base + design @ at
        loss = binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return loss + (ridge * at.square()).sum() / 2, logits

    def step(curvature: Tensor) -> Tensor:
        solved: Tensor = torch.linalg.solve(curvature * len(labels) + torch.diag(ridge), gradient)
        return solved

    (value, logits), size = objective(weights), torch.inf
    for _ in range(_MAX_ITERATIONS if len(labels) else 0):
        probability = logits.sigmoid()
        gradient = design.T @ (probability - labels) + ridge * weights
        change = None if curvature is None else step(curvature)
        if change is None or change.abs().max() > _SLOW * size:
            variance = (probability * (1 - probability))[:, None]
            curvature = design.T @ (variance * design) / len(labels)
            change = step(curvature)
        for _ in range(_MAX_HALVINGS):
            new_value, new_logits = objective(weights - change)
            if new_value <= value:
                break
            change = change / 2
        else:
            break
        weights, value, logits = weights - change, new_value, new_logits
        size = float(change.abs().max())
        if size < _TOLERANCE:
            break
    return Minimum(weights, curvature)


def _losses(design: Tensor, rows: RegressionRows, weights: Tensor) -> Tensor:
    """Log-loss of each row, (rows,)."""
    logits = rows.base + design @ weights
    return binary_cross_entropy_with_logits(logits, rows.labels, reduction="none")
