"""The figures of an alignment by epoch, as a tracking server draws them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class CurvePoint(NamedTuple):
    """One value of a metric at a step, which is the epoch."""

    name: str
    step: int
    value: float


def curve_points(facts: Mapping[str, Any]) -> tuple[CurvePoint, ...]:
    """The points of every curve of an aligned encoder, by metric and epoch.

    Args:
        facts: Of the encoder's manifest. Recall has a value before training, at epoch 0.

    Returns:
        ``recall_1``, ``recall_10``, ``recall_100``, ``recall_mean``, ``loss``, ``temperature``
        where one was learnt, and ``adaptor_log_loss`` by its own epochs where an adaptor was
        trained.
    """
    points = [
        CurvePoint(name, figures["epoch"], float(value))
        for figures in facts["by_epoch"]
        for name, value in figures.items()
        if name != "epoch"
    ]
    losses = facts.get("adaptor", {}).get("log_loss", ())
    points += [CurvePoint("adaptor_log_loss", epoch, loss) for epoch, loss in enumerate(losses)]
    return tuple(sorted(points))
