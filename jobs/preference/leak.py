"""The leak that one result measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Leak:
    """Preference data, by the name of its kind, as available ``horizon`` days later."""

    preference: str
    horizon: int
