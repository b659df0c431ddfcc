"""The argument parser, built from the declarations of the commands."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

import jobs
from jobs.cli.command import Command, CommandGroup
from jobs.cli.commands import COMMANDS
from jobs.cli.option_parser import add_options
from jobs.common.errors import one_line
from jobs.common.outcome import ExitCode

_DESCRIPTION = """\
The Leakage Impact Score: which preference data is worth aligning a multimodal model with.

A first score on the simulated feed:
  lis simulate --scenario simulated_feed --out feed --days 45
  lis ingest   --scenario simulated_feed --raw feed
  lis train    --scenario simulated_feed
  lis lis      --scenario simulated_feed --as-of 2026-01-30 --horizons 7,14

With a log of your own, begin with `lis scenario new LOG`: it says what comes next.
"""
_EPILOG = """\
`lis COMMAND --help` explains a command. `python -m jobs` is the same as `lis`.
Tables go to $LIS_LAKE (default data/lake), runs to $MLFLOW_TRACKING_URI.
"""
_VERBOSE = "show what Spark, MLflow and other libraries log, too"


class _Parser(argparse.ArgumentParser):
    """Prints an error as one line; ``--help`` prints the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.BAD_INPUT, f"error: {one_line(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line.

    What it parses holds the chosen ``Command`` as ``chosen``, and its options by name.
    """
    parser = _Parser(
        prog="lis",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help=_VERBOSE)
    parser.add_argument("--version", action="version", version=f"lis {jobs.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        if isinstance(command, CommandGroup):
            _add_group(commands, command)
        else:
            _add_command(commands, command)
    return parser


def _add_group(commands: argparse._SubParsersAction[_Parser], group: CommandGroup) -> None:
    parsers = [commands.add_parser(group.name, help=group.summary, **_texts(group))]
    if group.former_name is not None:
        # Without a help text, argparse accepts a name and does not list it.
        parsers.append(commands.add_parser(group.former_name, **_texts(group)))
    for parser in parsers:
        choices = parser.add_subparsers(dest=group.name, required=True, metavar=group.metavar)
        for command in group.commands():
            _add_command(choices, command)


def _add_command(commands: argparse._SubParsersAction[_Parser], command: Command[Any]) -> None:
    parser = commands.add_parser(command.name, help=command.summary, **_texts(command))
    add_options(parser, command.options)
    # Without a default, an option before the command counts as well as one after it.
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help=_VERBOSE
    )
    parser.set_defaults(chosen=command)


def _texts(command: Command[Any] | CommandGroup) -> dict[str, Any]:
    sentence = f"{command.summary[0].upper()}{command.summary[1:]}."
    return {
        "description": f"{sentence}\n\n{command.details}".rstrip(),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
