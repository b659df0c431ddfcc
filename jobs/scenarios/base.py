"""The base of every part of a scenario."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every config: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
