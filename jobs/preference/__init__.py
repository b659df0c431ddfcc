"""Kinds of preference data: what is leaked. One file a kind, and the registry."""

from jobs.preference.kind import Mode, PreferenceKind
from jobs.preference.registry import preference_kind, preference_kinds

__all__ = ["Mode", "PreferenceKind", "preference_kind", "preference_kinds"]
