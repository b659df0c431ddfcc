"""Ids of items in tables beside the log, read by the same rule as those of the log."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from jobs.scenarios import Scenario
from jobs.sources.contract.texts import without_null_words
from jobs.sources.log_source import table_source
from jobs.sources.reading.ids import as_ids
from jobs.sources.reading.refusal import refuse_first


def ids_of(values: pa.Array, scenario: Scenario, where: str) -> pa.Array:
    """Values as ids of the scenario; null where there is none, or a word that stands for a null.

    Raises:
        InputError: See ``as_ids``.
    """
    source = table_source(scenario)
    return as_ids(without_null_words(values, source.null_values), source.ids, where)


def item_ids(values: pa.Array, scenario: Scenario, where: str) -> pa.Array:
    """As ``ids_of``, where every row must have an id.

    Raises:
        InputError: If one has none.
    """
    items = ids_of(values, scenario, where)
    refuse_first(pc.is_null(items), values, items, f"{where}: ", "is not an item id")
    return items
