"""One YAML file a feed, and the typed, frozen config that it is read into."""

from jobs.scenarios.config import (
    CsvFormat,
    FoldShares,
    ItemColumns,
    LabelRule,
    ParquetFormat,
    RankerOptions,
    RetrainOptions,
    Scenario,
    Schedule,
    SimulatedSource,
    TableSource,
)
from jobs.scenarios.load import load_scenario, shipped_scenarios

__all__ = [
    "CsvFormat",
    "FoldShares",
    "ItemColumns",
    "LabelRule",
    "ParquetFormat",
    "RankerOptions",
    "RetrainOptions",
    "Scenario",
    "Schedule",
    "SimulatedSource",
    "TableSource",
    "load_scenario",
    "shipped_scenarios",
]
