"""``lis preference list``: the kinds of preference data."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, CommandGroup, scenarios_here
from jobs.common.options import option
from jobs.preference import kind_lines
from jobs.scenarios import load_scenario


@dataclass(frozen=True, kw_only=True)
class _Options:
    scenario: str | None = option(
        str, "shipped name or path: lists its custom kinds as well", values=scenarios_here
    )


def _list(options: _Options) -> None:
    scenario = None if options.scenario is None else load_scenario(options.scenario)
    print("\n".join(kind_lines(scenario)))


PREFERENCE = CommandGroup(
    name="preference",
    summary="preference data that can be leaked",
    commands=lambda: (
        Command("list", "list all kinds of preference data", options=_Options, run=_list),
    ),
    metavar="ACTION",
)
