"""Forward passes of a frozen ranker over the rows of its day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows
from jobs.scenarios import ITEM

Floats = NDArray[np.float32]
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class FrozenRows:
    """Outputs of a frozen ranker, oldest rows first.

    Attributes:
        hidden: The last hidden layer of its deep part, float32, (rows, width).
        logits: float32, (rows,).
        labels: float32, (rows,).
    """

    hidden: Tensor
    logits: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def concatenated(cls, days: Sequence[FrozenRows]) -> FrozenRows:
        return cls(
            torch.cat([day.hidden for day in days]),
            torch.cat([day.logits for day in days]),
            torch.cat([day.labels for day in days]),
        )


def frozen_rows(ranker: Ranker, day: DayRows) -> FrozenRows:
    """Compute the logits and the last hidden layer of M_d.

    For a network without a ``head``, see ``RankerNetwork``, the hidden layer has width 0.
    """
    hidden: list[Tensor] = []

    def keep(_head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        hidden.append(inputs[0].float())

    head = ranker.network.head
    hook = head.register_forward_pre_hook(keep) if head is not None else None
    try:
        ranker_logits = logits(ranker, day)
    finally:
        if hook is not None:
            hook.remove()
    width = head.in_features if head is not None else 0
    empty = torch.empty((len(day) if not width else 0, width), device=ranker.device)
    return FrozenRows(
        hidden=torch.cat([empty, *hidden]),
        logits=torch.from_numpy(ranker_logits[:, 0]).to(ranker.device),
        labels=torch.from_numpy(day.labels).to(ranker.device),
    )


def logits(
    ranker: Ranker,
    day: DayRows,
    slot: str = ITEM,
    slot_vectors: Callable[[slice], Floats] | None = None,
    click_vectors: Callable[[slice], Floats] | None = None,
) -> Floats:
    """Compute the logits of M_d, optionally with other vectors in place of its embeddings.

    Replacement vectors are computed batch by batch. NaN keeps the embedding of M_d.

    Args:
        ranker: M_d.
        day: Rows of day d.
        slot: The embedding slot that ``slot_vectors`` replaces.
        slot_vectors: For a slice of the rows, vectors of the slot, (rows, dim).
        click_vectors: For a slice of the rows, vectors of the clicks, (rows, clicks, dim).

    Returns:
        float32, (rows, 1).
    """
    embeddings = torch.from_numpy(day.vectors).to(ranker.device)
    parts = [np.empty((0, 1), np.float32)]
    ranker.network.eval()
    with deterministic(), torch.inference_mode():
        for start in range(0, len(day), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            fields = embeddings[torch.from_numpy(day.fields[part]).to(ranker.device)]
            index = torch.from_numpy(day.history[part]).to(ranker.device)
            history, is_click = embeddings[index], index < len(embeddings) - 1
            if slot_vectors is not None:
                field = ranker.fields.index(slot)
                fields[:, field] = _replaced(fields[:, field], slot_vectors(part))
            if click_vectors is not None:
                history = _replaced(history, click_vectors(part))
            statistics = torch.from_numpy(day.dense_inputs(part)).to(ranker.device)
            part_logits = ranker.network(fields, history, is_click, statistics)
            parts.append(part_logits.float().cpu().numpy()[:, None])
    return np.concatenate(parts)


def _replaced(embeddings: Tensor, vectors: Floats) -> Tensor:
    """The vectors, or the embeddings where these are NaN."""
    replacement = torch.from_numpy(vectors.astype(np.float32, copy=False)).to(embeddings.device)
    return torch.where(replacement.isnan(), embeddings, replacement)
