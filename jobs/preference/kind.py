"""What a kind of preference data declares: read by the registry, the rankers and the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lake import Lake
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario


class PreferenceKind(Protocol):
    """One kind of preference data: what is leaked, and how a ranker reads it.

    Attributes:
        name: As given to ``--preference``.
        summary: One line for ``lis preference list``. It may say "n days" for the horizon.
        keyed_by: What a row of the table describes: an ``item``, an ``impression``, or the value
            of another column that the ranker looks up, such as ``user_id``.
        takes: The value of a row: a ``vector`` or a list of ``items``.
        modes: The modes that can read it. ``swap`` needs vectors of the embedding space in which
            the ranker stores the key.
        eval_rows_seen: Whether the tables are computed from labels of held-out rows.
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
        """Compute the tables of all windows of ``behaviour.windows``.

        Returns:
            Keyed by item or by another column: ``known_at`` (YYYY-MM-DD: the row uses what
            happened before the start of this day), ``item_id`` or that column, ``embedding``
            (array of float) or ``items`` (array of ids), ``updates`` (number of events that the
            row was computed from) and ``last_event`` (timestamp of the newest of them, or null).
            Keyed by impression: ``as_of`` and ``horizon`` in place of ``known_at``,
            ``impression_id`` in place of ``item_id``, and ``sources``, the ids of the impressions
            that the row was computed from. Further columns are stored with the table. Rows of
            items or impressions that do not occur on the day of the table are dropped.
        """
        ...


class BuiltInKind(PreferenceKind, Protocol):
    """A kind that comes with the project. A custom kind may have these attributes too.

    Attributes:
        phrase: A noun phrase for sentences of a report, with ``{days}`` for the horizon: "Leaking
            <phrase> raises held-out AUC by …".
        docs: One sentence for the table of kinds in the documentation.
    """

    @property
    def phrase(self) -> str: ...

    @property
    def docs(self) -> str: ...


@runtime_checkable
class KindWithInputs(Protocol):
    """A kind whose tables are computed from other data than the impressions of their windows.

    A stored table is built again when its inputs change. Without this method they are the
    impressions of its window.
    """

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """Digests of the data that each table is computed from, by a name for the data.

        Raises:
            InputError: If some of the data does not exist.
        """
        ...


def has_lookback(kind: PreferenceKind) -> bool:
    """Whether the tables of a kind are computed from the impressions of a look-back window."""
    return not isinstance(kind, KindWithInputs)


def phrase_of(kind: PreferenceKind) -> str:
    """The kind's ``phrase``. A kind without one is described by its summary."""
    phrase: str | None = getattr(kind, "phrase", None)
    if phrase is not None:
        return phrase
    summary = kind.summary.strip().rstrip(".").replace("{", "{{").replace("}", "}}")
    if "n days" in summary:
        return summary.replace("n days", "{days}")
    return f"{summary}, as available {{days}} later"


def docs_of(kind: PreferenceKind) -> str:
    """The kind's ``docs``. A kind without any is described by its summary."""
    docs: str = getattr(kind, "docs", kind.summary)
    return docs
