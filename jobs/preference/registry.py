"""The kinds of preference data by name."""

from __future__ import annotations

from difflib import get_close_matches

from jobs.errors import InputError
from jobs.preference.id_embedding import IdEmbedding
from jobs.preference.kind import PreferenceKind

_KINDS: tuple[PreferenceKind, ...] = (IdEmbedding(),)


def preference_kinds() -> tuple[PreferenceKind, ...]:
    """All kinds, in the order in which they are listed."""
    return _KINDS


def preference_kind(name: str) -> PreferenceKind:
    """The kind of that name.

    Raises:
        InputError: there is none; the line names the nearest, and all.
    """
    names = [kind.name for kind in _KINDS]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown preference data {name!r}: {hint}known: {', '.join(names)}")
    return _KINDS[names.index(name)]
