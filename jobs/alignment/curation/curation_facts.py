"""What curation did to the items of a snapshot, as the manifest of the curated table holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Dropped(StrEnum):
    """Why an item of the snapshot is not preference data, in the order in which it is decided."""

    BELOW_MIN_UPDATES = "below_min_updates"
    WITHOUT_CONTENT = "without_content"
    UNMATCHED = "unmatched"
    THINNED = "thinned"
    WITHOUT_TARGET = "without_target"


class EntryKind(StrEnum):
    """Where a metadata entry is found in the content of an item."""

    CATEGORY = "category"
    WORD = "word"
    PAIR = "pair of words"


@dataclass(frozen=True)
class EntryBalance:
    """Items that match a metadata entry, before and after they are thinned out.

    Attributes:
        kind: Where the entry is found.
        name: The entry, in lower case.
        before: Items with enough updates that match it.
        after: Those of them that are kept.
    """

    kind: EntryKind
    name: str
    before: int
    after: int


@dataclass(frozen=True)
class CurationFacts:
    """Counts of items: each item of the snapshot is in one of them.

    Attributes:
        below_min_updates: Items whose embedding was updated too few times.
        without_content: Items without title, text, category, image and vector.
        unmatched: Items that match no metadata entry.
        thinned: Items left out to balance the metadata entries.
        without_target: Items of which the preference data holds nothing.
        train: Items to train on.
        validation: Items to validate with.
        is_balanced: False if no item has words or a category, so that none could be thinned out.
        entries: The most frequent metadata entries, the most frequent first.
    """

    below_min_updates: int
    without_content: int
    unmatched: int
    thinned: int
    without_target: int
    train: int
    validation: int
    is_balanced: bool
    entries: tuple[EntryBalance, ...]

    @property
    def items(self) -> int:
        """Items of the snapshot."""
        return sum(self.dropped.values()) + self.kept

    @property
    def kept(self) -> int:
        """Items of the curated table."""
        return self.train + self.validation

    @property
    def dropped(self) -> dict[Dropped, int]:
        """Items of the snapshot that are not in the curated table, by reason."""
        return {
            Dropped.BELOW_MIN_UPDATES: self.below_min_updates,
            Dropped.WITHOUT_CONTENT: self.without_content,
            Dropped.UNMATCHED: self.unmatched,
            Dropped.THINNED: self.thinned,
            Dropped.WITHOUT_TARGET: self.without_target,
        }

    @property
    def losses(self) -> str:
        """Why items of the snapshot are not in the table, for a line of a log or an error."""
        words = {
            Dropped.BELOW_MIN_UPDATES: "with too few updates",
            Dropped.WITHOUT_CONTENT: "without content",
            Dropped.UNMATCHED: "that match no metadata entry",
            Dropped.THINNED: "thinned out",
            Dropped.WITHOUT_TARGET: "without a target",
        }
        return ", ".join(f"{items:,} {words[reason]}" for reason, items in self.dropped.items())

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        entries = [{**asdict(entry), "kind": entry.kind.value} for entry in self.entries]
        return {**asdict(self), "entries": entries}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> CurationFacts:
        """Read the facts of a manifest."""
        entries = tuple(
            EntryBalance(**{**entry, "kind": EntryKind(entry["kind"])})
            for entry in facts["entries"]
        )
        return cls(**{**facts, "entries": entries})
