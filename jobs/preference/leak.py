"""What one score leaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Leak:
    """Preference data, by the name of its kind, from ``horizon`` days ahead."""

    preference: str
    horizon: int
