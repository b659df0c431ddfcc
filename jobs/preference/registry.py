"""The kinds of preference data by name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from jobs.errors import InputError
from jobs.preference.co_click_embedding import CoClickEmbedding
from jobs.preference.content_vector import ContentVector
from jobs.preference.future_popularity import FuturePopularity
from jobs.preference.id_embedding import IdEmbedding
from jobs.preference.kind import PreferenceKind
from jobs.preference.next_click import NextClick
from jobs.preference.semantic_ids import SemanticIds
from jobs.preference.similar_items import SIMILAR_BY_COSINE, SIMILAR_BY_SWING
from jobs.scenarios import Scenario

BUILT_IN: tuple[PreferenceKind, ...] = (
    IdEmbedding(),
    SIMILAR_BY_SWING,
    SIMILAR_BY_COSINE,
    NextClick(),
    CoClickEmbedding(),
    FuturePopularity(),
    ContentVector(),
    SemanticIds(),
)


def preference_kinds(scenario: Scenario | None = None) -> tuple[PreferenceKind, ...]:
    """All kinds, in the order in which they are listed."""
    return BUILT_IN


def preference_kind(name: str, scenario: Scenario | None = None) -> PreferenceKind:
    """The kind of that name.

    Raises:
        InputError: there is none; the line names the nearest, and all.
    """
    kinds: Sequence[PreferenceKind] = preference_kinds(scenario)
    names = [kind.name for kind in kinds]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown preference data {name!r}: {hint}known: {', '.join(names)}")
    return kinds[names.index(name)]
