"""The command line: what a person types and what the tasks of a DAG run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from jobs.cli.command import Command
from jobs.cli.completion import answer_shell
from jobs.cli.ending import ending_of
from jobs.cli.option_parser import read_options
from jobs.cli.parser import build_parser
from jobs.common.errors import InputError
from jobs.common.outcome import ExitCode
from jobs.common.secrets import SafeFormatter, hide_in_tracebacks
from jobs.ranker.distributed.process_group import process_count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Of the command line; None for those of this process.

    Returns:
        The exit code, see ``ExitCode``.
    """
    _follow_parent()
    parser = build_parser()
    answer_shell(parser)
    parsed = parser.parse_args(arguments)
    command: Command[Any] = parsed.chosen
    _log_to_stderr(verbose=parsed.verbose)
    try:
        _check_processes(command)
        command.run(read_options(parsed, command.options))
    except Exception as error:
        ending = ending_of(error, getattr(parsed, "scenario", None))
        if ending is None:
            raise
        print(ending.line, file=sys.stderr)
        return ending.code
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _log_to_stderr(*, verbose: bool) -> None:
    """Log what the project does; of libraries, warnings alone unless ``verbose``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
    hide_in_tracebacks()
    logging.getLogger("jobs").setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    if not verbose:
        # MLflow sets its loggers when it is imported.
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def _check_processes(command: Command[Any]) -> None:
    """Refuse to run a command in several processes that is not made for it.

    Raises:
        InputError: If torchrun has started several processes of such a command.
    """
    if process_count() > 1 and not command.in_processes:
        raise InputError(
            f"torchrun started {process_count()} processes of {command.name}, but only train is "
            "shared among several: run it without torchrun"
        )


def _follow_parent() -> None:
    """Under Airflow, a task's processes must not outlive it: a retry would run beside them."""
    if os.environ.get("LIS_DIE_WITH_PARENT") == "1":
        from jobs.common.parent_process import die_with_parent

        die_with_parent()
