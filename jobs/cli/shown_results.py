"""What a command prints of the results that it has computed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.evaluation.result import LisResult, Subject
from jobs.reporting.result_text import result_notes, result_table
from jobs.stages.score import pooled_or_all


def show_results(
    about: Subject, results: Sequence[LisResult], page: Path, run_url: str | None, *, as_json: bool
) -> None:
    """Print results to standard output, and where to review them to standard error.

    Args:
        about: The scenario of the results, or what was compared.
        results: All of them as JSON; as a table, those that are pooled if there are any.
        page: The report.
        run_url: The run in MLflow; None if it is not logged yet.
        as_json: Whether to print JSON with all fields in place of a table.
    """
    if as_json:
        print(json.dumps([result.to_dict() for result in results], indent=1))
    else:
        shown = pooled_or_all(results)
        print(result_table(shown))
        if notes := result_notes(shown, about):
            print(f"\n{notes}")
    print(f"report: {page}\n{review_line(run_url)}", file=sys.stderr)


def review_line(run_url: str | None) -> str:
    """The line that says where the run is in MLflow; None if it is not logged yet."""
    return f"MLflow: {run_url or 'not logged yet'}"
