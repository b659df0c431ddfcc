"""What a command of the command line is: one declaration holds its name, help, options and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from jobs.common.day_range import DayRange
from jobs.common.options import required_option
from jobs.scenarios import shipped_scenarios

OptionsT = TypeVar("OptionsT")


def scenarios_here() -> list[str]:
    """Names of the shipped scenarios, and the YAML files of the working folder."""
    return [*shipped_scenarios(), *sorted(path.name for path in Path().glob("*.y*ml"))]


@dataclass(frozen=True, kw_only=True)
class ScenarioOptions:
    """The options of a command that works on one scenario."""

    scenario: str = required_option(
        str,
        f"shipped name ({', '.join(shipped_scenarios())}) or path to a YAML file",
        values=scenarios_here,
    )


@dataclass(frozen=True, kw_only=True)
class DatedOptions(ScenarioOptions):
    """The options of a command on evaluation days of one scenario."""

    as_of: DayRange = required_option(
        DayRange.parse, "evaluation day, or first:last for several", metavar="T[:T2]"
    )


@dataclass(frozen=True)
class Command(Generic[OptionsT]):
    """A command that does something.

    Args:
        name: The word that is typed.
        summary: One line, in the list of commands.
        options: A frozen dataclass of ``jobs.common.options``.
        run: Runs the command. ``InputError`` ends it with exit code 2 and one line.
        details: More for ``--help``: what it reads and makes, an example.
        in_processes: Whether torchrun may start it as several processes.
    """

    name: str
    summary: str
    options: type[OptionsT]
    run: Callable[[OptionsT], None]
    details: str = ""
    in_processes: bool = False


@dataclass(frozen=True)
class CommandGroup:
    """A command whose next word chooses among others.

    Args:
        name: The word that is typed.
        summary: One line, in the list of commands.
        commands: Those to choose from, in the order of the help.
        metavar: Placeholder of the next word in the help.
        details: More for ``--help``.
        former_name: A name that still works, but is not listed.
    """

    name: str
    summary: str
    commands: Callable[[], Sequence[Command[Any]]]
    metavar: str
    details: str = ""
    former_name: str | None = None
