"""What a frozen ranker makes of the rows of its day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.towers.day_rows import DayRows
from jobs.ranker.towers.probe_towers import FrozenRows
from jobs.scenarios import ITEM

Floats = NDArray[np.float32]
_ROWS_AT_ONCE = 8192


def frozen_rows(ranker: Ranker, day: DayRows) -> FrozenRows:
    """Logits and last hidden layer of M_d; of a network without a ``head`` the logits alone."""
    hidden: list[Tensor] = []

    def keep(_head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        hidden.append(inputs[0].float())

    head = getattr(ranker.network, "head", None)
    kept = head.register_forward_pre_hook(keep) if isinstance(head, nn.Linear) else None
    try:
        own = logits(ranker, day)
    finally:
        if kept is not None:
            kept.remove()
    width = head.in_features if isinstance(head, nn.Linear) else 0
    nothing = torch.empty((len(day) if not width else 0, width), device=ranker.device)
    return FrozenRows(
        hidden=torch.cat([nothing, *hidden]),
        logits=torch.from_numpy(own[:, 0]).to(ranker.device),
        labels=torch.from_numpy(day.labels).to(ranker.device),
    )


def logits(
    ranker: Ranker,
    day: DayRows,
    slot: str = ITEM,
    replaced: Callable[[slice], Floats] | None = None,
    clicks: Callable[[slice], Floats] | None = None,
) -> Floats:
    """Logits of M_d, (rows, 1), some vectors of a slot replaced; NaN keeps the ranker's own."""
    own = torch.from_numpy(day.vectors).to(ranker.device)
    parts = [np.empty((0, 1), np.float32)]
    ranker.network.eval()
    with deterministic(), torch.inference_mode():
        for start in range(0, len(day), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            fields = own[torch.from_numpy(day.fields[part]).to(ranker.device)]
            index = torch.from_numpy(day.history[part]).to(ranker.device)
            history, is_click = own[index], index < len(own) - 1
            if replaced is not None:
                field = ranker.fields.index(slot)
                fields[:, field] = _kept(replaced(part), fields[:, field])
            if clicks is not None:
                history = _kept(clicks(part), history)
            part_logits = ranker.network(fields, history, is_click)
            parts.append(part_logits.float().cpu().numpy()[:, None])
    return np.concatenate(parts)


def _kept(vectors: Floats, own: Tensor) -> Tensor:
    given = torch.from_numpy(vectors.astype(np.float32, copy=False)).to(own.device)
    return torch.where(given.isnan(), own, given)
