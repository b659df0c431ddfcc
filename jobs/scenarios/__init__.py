"""Scenarios: one YAML file per feed, and the typed, frozen configuration that it is read into."""

from jobs.scenarios.alignment_options import AlignmentOptions, Loss
from jobs.scenarios.config import AUTO, ITEM, USER, FoldShares, Scenario, Schedule
from jobs.scenarios.custom_preferences import PreferenceTable
from jobs.scenarios.load import load_scenario, shipped_scenarios
from jobs.scenarios.ranker_options import (
    FitOptions,
    ImportedSnapshots,
    RankerOptions,
    RetrainOptions,
)
from jobs.scenarios.sources import (
    Column,
    CsvFormat,
    ImpressionColumns,
    ItemColumns,
    LabelRule,
    ParquetFormat,
    SimulatedSource,
    TableSource,
)
from jobs.scenarios.terms import EvalRowsSeen, Fold, Mode

__all__ = [
    "AUTO",
    "ITEM",
    "USER",
    "AlignmentOptions",
    "Column",
    "CsvFormat",
    "EvalRowsSeen",
    "FitOptions",
    "Fold",
    "FoldShares",
    "ImportedSnapshots",
    "ImpressionColumns",
    "ItemColumns",
    "LabelRule",
    "Loss",
    "Mode",
    "ParquetFormat",
    "PreferenceTable",
    "RankerOptions",
    "RetrainOptions",
    "Scenario",
    "Schedule",
    "SimulatedSource",
    "TableSource",
    "load_scenario",
    "shipped_scenarios",
]
