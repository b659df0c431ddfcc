"""Kinds of preference data: what is leaked. One file for each kind, and the registry."""

from jobs.preference.kind import PreferenceKind, has_lookback
from jobs.preference.registry import (
    built_in_kinds,
    is_custom,
    kind_lines,
    leak_phrase,
    preference_kind,
    preference_kinds,
)

__all__ = [
    "PreferenceKind",
    "built_in_kinds",
    "has_lookback",
    "is_custom",
    "kind_lines",
    "leak_phrase",
    "preference_kind",
    "preference_kinds",
]
