"""Base class of every section of a scenario."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every section: immutable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
