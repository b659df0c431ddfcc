"""The dense part of the ranker: cross layers beside a multilayer perceptron.

DCN-V2 (arXiv 2008.13535) in its parallel form, with full-rank cross layers. Its inputs are vectors,
not ids, so the caller decides where item vectors come from. Swap mode relies on this.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from jobs.scenarios import RankerOptions


class DeepCrossNetwork(nn.Module):
    """Computes click logits from embeddings.

    The click history is pooled into one more vector beside those of the fields: the mean over its
    clicks, or their mean weighted by similarity to the candidate item. Statistics are inputs of the
    perceptron alone: in products with embeddings, counts outweigh the tastes that embeddings hold.
    """

    def __init__(
        self, fields: int, item_field: int, options: RankerOptions, statistics: int = 0
    ) -> None:
        """Draw initial weights from ``options.seed``.

        Args:
            fields: Number of fields per row.
            item_field: Index of the candidate item among the fields.
            options: Layer sizes, pooling and seed.
            statistics: Number of statistics per row.
        """
        super().__init__()
        self.item_field = item_field
        self.pooling: Literal["mean", "attention"] = options.history_pooling
        self.has_history = options.history_length > 0
        width = (fields + self.has_history) * options.embedding_dim
        self.cross = nn.ModuleList(nn.Linear(width, width) for _ in range(options.cross_layers))
        sizes = (width + statistics, *options.hidden_units)
        self.deep = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.head = nn.Linear(width + (sizes[-1] if options.hidden_units else 0), 1)
        generator = torch.Generator().manual_seed(options.seed)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        fields: Tensor,
        history: Tensor,
        clicked: Tensor,
        statistics: Tensor | None = None,
    ) -> Tensor:
        """Compute click logits.

        Args:
            fields: Embeddings of the fields, (rows, fields, dim).
            history: Embeddings of clicked items, (rows, clicks, dim).
            clicked: bool, (rows, clicks); False where a history is padded.
            statistics: float32, (rows, statistics); None without any.

        Returns:
            Logits, (rows,).
        """
        parts = [fields.flatten(1)]
        if self.has_history:
            parts.append(self._pooled(fields[:, self.item_field], history, clicked))
        inputs = torch.cat(parts, dim=1)
        crossed = inputs
        for layer in self.cross:
            crossed = inputs * layer(crossed) + crossed
        outputs = [crossed]
        if self.deep:
            hidden = inputs if statistics is None else torch.cat([inputs, statistics], dim=1)
            for layer in self.deep:
                hidden = torch.relu(layer(hidden))
            outputs.append(hidden)
        logits: Tensor = self.head(torch.cat(outputs, dim=1)).squeeze(1)
        return logits

    def _pooled(self, item: Tensor, history: Tensor, clicked: Tensor) -> Tensor:
        weights = clicked.to(history.dtype)
        if self.pooling == "attention":
            match = (history * item[:, None]).sum(dim=2) / item.shape[1] ** 0.5
            match = match.masked_fill(~clicked, torch.finfo(match.dtype).min)
            # As in any softmax, subtracting the maximum keeps exp from overflow and from all zeros.
            weights = weights * (match - match.amax(dim=1, keepdim=True)).exp()
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return (history * weights[:, :, None]).sum(dim=1)
