"""The network of a ranker: a deep part on embeddings beside a wide part on statistics.

The wide part is a logistic regression. It is not trained by gradient steps: each day of the lineage
updates it once, by Newton's method, on rows that the deep part has not been trained on yet (see
``jobs.ranker.training.wide_update``). The same regression weighs the deep part's logit by its
``gate``, so an overfitted deep part counts little and the ranker is not weaker than counting.
Source of the name: Cheng et al., 2016 (arXiv 1606.07792).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jobs.lake.schemas import STATISTIC_WINDOWS
from jobs.ranker.model.item_vectors import VectorHead

INITIAL_PRECISION = 1.0
"""Prior precision of the wide part's weights, whose prior mean is 0."""
INITIAL_GATE_PRECISION = 30.0
"""Prior precision of the gate, whose prior mean is 1."""
INITIAL_BIAS_PRECISION = 0.01
"""Prior precision of the bias: click rates of one in a thousand need a bias of -7."""

_OF = "of_"
"""Begins the keys of heads: a module cannot be named as its own methods are, such as ``keys``."""

_OF_ROW = ("item_age", "user_click_age", "user_has_click")


def statistic_columns(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the inputs of the wide part: see ``jobs.ranker.rows.statistics``.

    Args:
        fields: The fields of the ranker.
    """
    of_fields = (
        f"{field}_{name}_{window}"
        for field in fields
        for window in STATISTIC_WINDOWS
        for name in ("impressions", "clicks", "rate")
    )
    return (*of_fields, *_OF_ROW)


class WideAndDeep(nn.Module):
    """Adds the logits of both parts.

    Attributes:
        deep: The deep part: ``DeepCrossNetwork`` or a custom network.
        width: Number of statistics; 0 leaves the wide part out.
        wide: float64, (width + 2,). Weights of the statistics, then the gate and the bias.
        precision: float64, (width + 2, width + 2). Inverse covariance of ``wide``.
        vector_heads: Read tables of item vectors, by name; each is a part of the deep part.
    """

    wide: Tensor
    precision: Tensor

    def __init__(self, deep: nn.Module, width: int, *, deep_reads_statistics: bool) -> None:
        """Put an untrained wide part beside a deep part.

        Args:
            deep: The deep part.
            width: Number of statistics.
            deep_reads_statistics: Whether the deep part takes them as its fourth input.
        """
        super().__init__()
        self.deep = deep
        self.width = width
        self.vector_heads = nn.ModuleDict()
        self._deep_reads_statistics = deep_reads_statistics
        mean, precision = torch.zeros(width + 2), torch.full((width + 2,), INITIAL_PRECISION)
        mean[-2] = 1
        precision[-2], precision[-1] = INITIAL_GATE_PRECISION, INITIAL_BIAS_PRECISION
        self.register_buffer("wide", mean.double())
        self.register_buffer("precision", torch.diag(precision.double()))

    @property
    def heads_of_vectors(self) -> dict[str, VectorHead]:
        """The heads of all tables of item vectors, in the order of their inputs."""
        heads = self.vector_heads.items()
        return {key.removeprefix(_OF): head for key, head in heads if isinstance(head, VectorHead)}

    def add_vector_head(self, name: str, head: VectorHead) -> None:
        """Add the head of a table of item vectors.

        The order of sums is part of their rounding, so it does not depend on which head came first.
        """
        heads = {**self.heads_of_vectors, name: head}
        self.vector_heads = nn.ModuleDict({f"{_OF}{one}": heads[one] for one in sorted(heads)})

    @property
    def head(self) -> nn.Linear | None:
        """The layer that computes the deep part's logit, if the deep part names it."""
        head = getattr(self.deep, "head", None)
        return head if isinstance(head, nn.Linear) else None

    def forward(
        self, fields: Tensor, history: Tensor, clicked: Tensor, statistics: Tensor
    ) -> Tensor:
        """Compute click logits.

        Args:
            fields: Embeddings of the fields, (rows, fields, dim).
            history: Embeddings of clicked items, (rows, clicks, dim).
            clicked: bool, (rows, clicks); False where a history is padded.
            statistics: float32, (rows, width). Where the ranker reads item vectors, their inputs
                follow: see ``ItemVectors``.

        Returns:
            Logits, (rows,).
        """
        return self.combined(self.deep_logits(fields, history, clicked, statistics), statistics)

    def deep_logits(
        self, fields: Tensor, history: Tensor, clicked: Tensor, statistics: Tensor
    ) -> Tensor:
        """Compute the logits of the deep part alone; arguments as of ``forward``."""
        last = (statistics[:, : self.width],) if self._deep_reads_statistics else ()
        logits: Tensor = self.deep(fields, history, clicked, *last)
        added = self.vector_logits(fields, statistics)
        for head, of_head in zip(self.heads_of_vectors.values(), added, strict=True):
            logits = logits + (of_head if self.training else head.gate.float() * of_head)
        return logits

    def vector_logits(self, fields: Tensor, statistics: Tensor) -> list[Tensor]:
        """Compute what each table of item vectors adds to the deep part, before its gate.

        Args:
            fields: Embeddings of the fields, (rows, fields, dim).
            statistics: See ``forward``.

        Returns:
            For each of ``heads_of_vectors``, (rows,).
        """
        logits, start = [], self.width
        for head in self.heads_of_vectors.values():
            logits.append(head(statistics[:, start : start + head.width], fields))
            start += head.width
        return logits

    def combined(self, deep_logits: Tensor, statistics: Tensor) -> Tensor:
        """Add the wide part to the logits of the deep part.

        In training mode the gate is 1: otherwise the deep part would grow to make up for it.

        Args:
            deep_logits: (rows,).
            statistics: float32, (rows, width); more columns do not count.

        Returns:
            Logits, (rows,).
        """
        if not self.width:
            return deep_logits
        weights = self.wide.float()
        # Not a matrix product: autocast would round the sum to bf16.
        wide = (statistics[:, : self.width] * weights[:-2]).sum(dim=1) + weights[-1]
        return wide + (deep_logits if self.training else weights[-2] * deep_logits)
