"""Base class of every section of a scenario."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every section: immutable, without unknown keys, and with finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def without_empty(content: dict[str, Any], name: str) -> dict[str, Any]:
    """The content of a section without an option of a later release, where it has no value."""
    return {key: value for key, value in content.items() if key != name or value}
