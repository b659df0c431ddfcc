"""The command line: what a person types and what the tasks of a DAG run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from errno import EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS
from typing import Any

from jobs.cli.command import Command
from jobs.cli.completion import answer_shell
from jobs.cli.option_parser import read_options
from jobs.cli.parser import build_parser
from jobs.common.errors import (
    AuditError,
    DamagedFile,
    FencedOut,
    InputError,
    ServiceUnavailable,
    is_connection_error,
    one_line,
)
from jobs.common.outcome import ExitCode
from jobs.common.secrets import SafeFormatter, hide_in_tracebacks, without_password
from jobs.ranker.distributed.process_group import process_count

_OF_A_PATH = (EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOTDIR, EPERM, EROFS)
"""Errors of a path that cannot be used, as opposed to those of a disk or of the project."""


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
    except (InputError, ServiceUnavailable, OSError) as raised:
        error = _explained(raised)
        may_pass = is_connection_error(error)
        if isinstance(error, OSError) and not may_pass:
            if error.errno not in _OF_A_PATH:
                raise
            # Without "[Errno 36] ".
            error = InputError(str(error).partition("] ")[2] or str(error))
        if isinstance(error, DamagedFile) and (given := getattr(parsed, "scenario", None)):
            error = error.named_as(given)
        line = one_line(error)
        again = "; run the same command again when it answers" if may_pass else ""
        print(f"error: {line}{again}", file=sys.stderr)
        return ExitCode.UNAVAILABLE if may_pass else ExitCode.BAD_INPUT
    except (AuditError, FencedOut) as error:
        print(f"stopped, nothing published: {without_password(str(error))}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _explained(error: Exception) -> Exception:
    """An error of an object store in the form of the project's own: Arrow reads in many places."""
    from jobs.lake.object_store.store_errors import explain

    return (explain(error) if isinstance(error, OSError) else None) or error


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
