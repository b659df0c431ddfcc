"""Which fields of an impression the ranker sees."""

from __future__ import annotations

import pyarrow as pa

from jobs.lake import schemas
from jobs.scenarios import Scenario

USER = "user_id"
ITEM = "item_id"
"""The field that the candidate item and the clicks of the history share."""


def field_names(scenario: Scenario) -> tuple[str, ...]:
    """Columns of ``impressions`` that are looked up in the embedding table, in table order."""
    return (USER, ITEM, *scenario.context)


def field_type(scenario: Scenario, field: str) -> pa.DataType:
    """Arrow type of a field's ids: the scenario's id type, or string for context."""
    return schemas.id_type(scenario) if field in (USER, ITEM) else pa.string()
