"""The kinds of preference data by name."""

from __future__ import annotations

from difflib import get_close_matches

from jobs.common.errors import InputError
from jobs.preference.custom_kind import installed_kinds, named_kinds
from jobs.preference.kind import PreferenceKind
from jobs.preference.kinds.co_click_embedding import CoClickEmbedding
from jobs.preference.kinds.content_vector import ContentVector
from jobs.preference.kinds.future_popularity import FuturePopularity
from jobs.preference.kinds.id_embedding import ID_EMBEDDING, IdEmbedding
from jobs.preference.kinds.next_click import NextClick
from jobs.preference.kinds.semantic_ids import SemanticIds
from jobs.preference.kinds.similar_items import SIMILAR_BY_COSINE, SIMILAR_BY_SWING
from jobs.scenarios import AUTO, ITEM, Scenario

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
    """All kinds, in the order in which they are listed: built-in, installed, the scenario's own.

    Built-in too is the embedding of each further slot that the scenario's ranker has.

    Raises:
        InputError: two have one name, or one of a user's own cannot be used.
    """
    slots = () if scenario is None else tuple(slot for slot in scenario.fields if slot != ITEM)
    built_in = (*BUILT_IN, *(IdEmbedding(slot) for slot in slots))
    own = [*installed_kinds(), *(named_kinds(scenario) if scenario is not None else ())]
    origins = {kind.name: "the project" for kind in built_in}
    for found in own:
        name = found.kind.name
        if name in origins:
            raise InputError(
                f"preference data {name!r} is defined by {origins[name]} and by {found.where}: "
                "rename one"
            )
        origins[name] = found.where
    return (*built_in, *(found.kind for found in own))


def is_own(kind: PreferenceKind) -> bool:
    """Whether a kind does not come with the project."""
    known = {built_in.name for built_in in BUILT_IN}
    return kind.name not in known and not isinstance(kind, IdEmbedding)


def preference_kind(name: str, scenario: Scenario | None = None) -> PreferenceKind:
    """The kind of that name. ``id_embedding`` is that of the scenario's slot.

    Raises:
        InputError: there is none; the line names the nearest, and all. Or a kind of a user's own
            cannot be used.
    """
    if scenario is not None and name == ID_EMBEDDING:
        if scenario.slot == AUTO:
            raise ValueError("which slot is leaked must be chosen before its kind is looked up")
        return IdEmbedding(scenario.slot)
    kinds = {kind.name: kind for kind in preference_kinds(scenario)}
    if name not in kinds:
        near = get_close_matches(name, kinds, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown preference data {name!r}: {hint}known: {', '.join(kinds)}")
    return kinds[name]
