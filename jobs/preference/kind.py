"""What a kind of preference data must say of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.preference.behaviour import Behaviour


class PreferenceKind(Protocol):
    """One kind of preference data: what is leaked, and how a ranker takes it.

    name: as users write it. summary: one line for ``python -m jobs preference list``.
    keyed_by: what a row of its table describes: an ``item``, an ``impression``, or what stands in
    another column that the ranker looks up, such as ``user_id``. takes: what the row says of it, a
    ``vector`` or a list of ``items``. modes: ``swap`` needs vectors of the space in which the
    ranker keeps that column. eval_rows_seen: whether labels of held-out rows went into it.
    """

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def keyed_by(self) -> str: ...

    @property
    def takes(self) -> Literal["vector", "items"]: ...

    @property
    def modes(self) -> tuple[Mode, ...]: ...

    @property
    def eval_rows_seen(self) -> EvalRowsSeen: ...

    def build(self, behaviour: Behaviour) -> DataFrame:
        """Its tables for every window of ``behaviour.windows``.

        Keyed by item, or by another column: ``known_at`` (YYYY-MM-DD; what could be known at the
        start of that day), ``item_id`` or that column, ``embedding`` (array of float) or ``items``
        (array of ids), ``updates`` (events behind the row), ``last_event`` (moment of the newest
        of them, null where none).
        Keyed by impression: ``as_of`` and ``horizon`` in place of ``known_at``, ``impression_id``
        in place of ``item_id``, and ``sources``, the impressions that the row was made from.
        Further columns are stored with the table. Rows may be of items or impressions that the
        day does not name; these are left out.

        A table is made again when the impressions of its window change. A kind that is made from
        something else has a method ``inputs`` too: see ``jobs.preference.behaviour.MadeFromElse``.
        """
        ...


def has_lookback(kind: PreferenceKind) -> bool:
    """Whether its tables rest on the behaviour of a look-back window, or on something else."""
    return not hasattr(kind, "inputs")
