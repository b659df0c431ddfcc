"""A simulated feed with one ranker and known click probabilities.

The traits of an item are partly explained by its content and partly idiosyncratic. Only clicks
reveal the idiosyncratic part, so the item-ID embedding of a later ranker has learned it and that
of today's ranker has not. A Leakage Impact Score must find this difference (arXiv 2508.04963,
section 3).
"""

from jobs.sources.simulator.day import DayChunk, generate_day
from jobs.sources.simulator.items import alive_items, generate_items
from jobs.sources.simulator.options import SimulatorOptions
from jobs.sources.simulator.write import simulate

__all__ = [
    "DayChunk",
    "SimulatorOptions",
    "alive_items",
    "generate_day",
    "generate_items",
    "simulate",
]
