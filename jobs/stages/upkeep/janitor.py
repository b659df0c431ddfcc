"""Stage ``janitor``: remove what of the lake need not be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.common.options import flag
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake
    from jobs.retention.janitor import Removal


@dataclass(frozen=True, kw_only=True)
class JanitorOptions:
    """Whether anything is removed."""

    apply: bool = flag("remove it; without this, say what would be removed")


def clean_lake(lake: Lake, scenario: Scenario, options: JanitorOptions) -> None:
    """Print what need not be kept, and remove it if that is asked for.

    Args:
        lake: The lake.
        scenario: The scenario, with its retention.
        options: Whether anything is removed.
    """
    from jobs.retention.janitor import removals, remove

    found = removals(lake, scenario)
    if not found:
        print(f"{scenario.name}: there is nothing to remove")
        return
    if options.apply:
        remove(lake, found)
    print(_text(scenario, found, "removed" if options.apply else "to remove"))
    if not options.apply:
        print(f"\nTo remove it, run {lis_command('janitor', scenario)} --apply")


def _text(scenario: Scenario, found: Sequence[Removal], state: str) -> str:
    """One line for each sort of thing that is, or can be, removed."""
    from jobs.reporting.text_columns import in_columns

    by_sort: dict[str, list[Removal]] = {}
    for one in found:
        by_sort.setdefault(one.what, []).append(one)
    lines = [
        (
            what,
            str(len(ones)),
            f"{sum(one.files for one in ones):,}",
            f"{sum(one.size for one in ones) / 1e6:,.1f}",
            min(one.path for one in ones),
        )
        for what, ones in by_sort.items()
    ]
    what, first = f"{scenario.name}: {state}", "the first of them"
    return in_columns((what, "folders", "files", "MB", first), lines, {what, first})


JANITOR = Stage(
    name="janitor",
    summary="remove what of the lake need not be kept: nothing that a result was computed from",
    options=JanitorOptions,
    run=clean_lake,
)
