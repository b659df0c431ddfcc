"""Kinds of preference data: what is leaked. One file a kind, and the registry."""

from jobs.preference.kind import PreferenceKind
from jobs.preference.registry import is_own, preference_kind, preference_kinds

__all__ = ["PreferenceKind", "is_own", "preference_kind", "preference_kinds"]
