"""The kinds of preference data by name: built-in, installed, and those of a scenario."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from jobs.common.errors import InputError
from jobs.preference import kinds
from jobs.preference.custom_kind import installed_kinds, scenario_kinds
from jobs.preference.kind import BuiltInKind, PreferenceKind, phrase_of
from jobs.preference.kinds.id_embedding import ID_EMBEDDING, IdEmbedding
from jobs.scenarios import AUTO, ITEM, Scenario


def built_in_kinds() -> tuple[BuiltInKind, ...]:
    """The ``KINDS`` of every module of ``jobs.preference.kinds``, by name."""
    names = [f"{kinds.__name__}.{module.name}" for module in iter_modules(kinds.__path__)]
    found: list[BuiltInKind] = [kind for name in names for kind in import_module(name).KINDS]
    return tuple(sorted(found, key=lambda kind: kind.name))


def preference_kinds(scenario: Scenario | None = None) -> tuple[PreferenceKind, ...]:
    """All kinds, in the order in which they are listed.

    First the built-in ones, then the embedding of each further slot of the scenario's ranker, then
    installed kinds, then custom kinds of the scenario.

    Raises:
        InputError: If two kinds have the same name, or a custom kind cannot be used.
    """
    slots = () if scenario is None else tuple(slot for slot in scenario.fields if slot != ITEM)
    built_in = (*built_in_kinds(), *(IdEmbedding(slot) for slot in slots))
    custom = [*installed_kinds(), *(scenario_kinds(scenario) if scenario is not None else ())]
    origins = {kind.name: "the project" for kind in built_in}
    for found in custom:
        name = found.kind.name
        if name in origins:
            raise InputError(
                f"preference data {name!r} is defined by {origins[name]} and by {found.origin}: "
                "rename one"
            )
        origins[name] = found.origin
    return (*built_in, *(found.kind for found in custom))


def is_custom(kind: PreferenceKind) -> bool:
    """Whether a kind comes from an installed package or a scenario."""
    built_in = {kind.name for kind in built_in_kinds()}
    return kind.name not in built_in and not isinstance(kind, IdEmbedding)


def preference_kind(name: str, scenario: Scenario | None = None) -> PreferenceKind:
    """The kind of that name. ``id_embedding`` is that of the scenario's slot.

    Raises:
        InputError: If there is none; the message names the nearest, and all. Or if a custom kind
            cannot be used.
    """
    if scenario is not None and name == ID_EMBEDDING:
        if scenario.slot == AUTO:
            raise ValueError("the slot to leak must be chosen before its kind is looked up")
        return IdEmbedding(scenario.slot)
    kinds_by_name = {kind.name: kind for kind in preference_kinds(scenario)}
    if name not in kinds_by_name:
        near = get_close_matches(name, kinds_by_name, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        names = ", ".join(kinds_by_name)
        raise InputError(f"unknown preference data {name!r}: {hint}available: {names}")
    return kinds_by_name[name]


def kind_lines(scenario: Scenario | None = None) -> list[str]:
    """One line for each kind, in aligned columns, for ``lis preference list``.

    Raises:
        InputError: If a custom kind cannot be used.
    """
    listed = preference_kinds(scenario)
    width = max(len(kind.name) for kind in listed)
    return [
        f"{kind.name:{width}}  keyed by {kind.keyed_by:10}  takes {kind.takes:6}  "
        f"modes {', '.join(kind.modes):20}  {'custom: ' if is_custom(kind) else ''}{kind.summary}"
        for kind in listed
    ]


def leak_phrase(name: str, days: str, scenario: Scenario | None = None) -> str:
    """What is leaked, as a noun phrase: "the item that the user clicks next, within 7 days".

    Args:
        name: Name of the kind, as stored with a result. It may no longer exist.
        days: The horizon in words, such as ``7 days``.
        scenario: The scenario whose custom kinds are looked up too.
    """
    listed: Iterable[PreferenceKind]
    try:
        listed = preference_kinds(scenario)
    except InputError:
        # A stored result is reported even after the file of a custom kind was changed or moved.
        listed = built_in_kinds()
    phrases = {kind.name: phrase_of(kind) for kind in listed}
    if name not in phrases:
        return f"the preference data “{name}” as available {days} later"
    return phrases[name].format(days=days)
