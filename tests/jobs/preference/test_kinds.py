"""What the kinds say of themselves is what rankers and commands rely on."""

from __future__ import annotations

import pytest

from jobs.preference.behaviour import MadeFromElse
from jobs.preference.kind import PreferenceKind
from jobs.preference.kinds.co_click_embedding import CoClickEmbedding
from jobs.preference.kinds.content_vector import ContentVector
from jobs.preference.kinds.future_popularity import FuturePopularity
from jobs.preference.kinds.id_embedding import IdEmbedding
from jobs.preference.kinds.next_click import NextClick
from jobs.preference.kinds.semantic_ids import SemanticIds
from jobs.preference.kinds.similar_items import SIMILAR_BY_COSINE, SIMILAR_BY_SWING

KINDS: list[PreferenceKind] = [
    IdEmbedding(),
    SemanticIds(),
    FuturePopularity(),
    SIMILAR_BY_SWING,
    SIMILAR_BY_COSINE,
    CoClickEmbedding(),
    ContentVector(),
    NextClick(),
]


def test_names_tell_kinds_apart() -> None:
    assert len({kind.name for kind in KINDS}) == len({kind.summary for kind in KINDS}) == 8


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_only_vectors_of_the_rankers_own_items_can_be_swapped(kind: PreferenceKind) -> None:
    assert "retrain" in kind.modes
    in_item_space = kind.name in ("id_embedding", "semantic_ids")
    assert ("swap" in kind.modes) == in_item_space
    assert not in_item_space or (kind.keyed_by, kind.takes) == ("item", "vector")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_only_kinds_made_from_the_log_follow_from_impressions(kind: PreferenceKind) -> None:
    elsewhere = kind.name in ("id_embedding", "semantic_ids", "content_vector")
    assert isinstance(kind, MadeFromElse) == elsewhere
