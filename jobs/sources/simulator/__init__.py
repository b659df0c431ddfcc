"""A simulated feed with one ranker, whose click probabilities are known.

Item tastes are part content and part idiosyncratic. Content never tells the idiosyncratic part:
only clicks do. That is what the item-ID embedding of a later ranker knows and today's does not,
so the feed shows whether a Leakage Impact Score finds it (arXiv 2508.04963, section 3).
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
