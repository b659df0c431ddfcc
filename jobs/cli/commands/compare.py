"""``lis compare``: two scores of a production system, compared as if the project had made them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from pathlib import PurePath
from typing import TYPE_CHECKING

from jobs.cli.command import Command
from jobs.common.day_range import parse_day
from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.options import flag, names, option, required_option
from jobs.lake import Lake
from jobs.stages.compare import (
    ComparedScores,
    compare_predictions,
    log_comparison,
    write_comparison,
)

if TYPE_CHECKING:
    from jobs.sources.prediction_columns import PredictionColumns

_DETAILS = """\
FILE is Parquet, one row per impression, with the columns user, label (0 or 1), baseline and
treatment (scores; a higher one makes label 1 more likely), and optionally day and seed. Further
columns of strings, whole numbers or booleans are slices. Figures, verdict, report and MLflow run
are those of a score that the project computes itself.

  lis compare --predictions scores.parquet
  lis compare --predictions s3://bucket/scores.parquet --column user=uid,label=clicked \\
              --as-of 2026-03-01
"""


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a number") from error
    if not 0 < value < 1:
        raise InputError(f"{text!r}: write a number between 0 and 1")
    return value


def _name(text: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]*", text):
        raise InputError(f"{text!r}: write small letters, digits and _, beginning with a letter")
    return text


def _renamed(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in names(text)]
    if wrong := [f"{left}{sign}{right}" for left, sign, right in pairs if not (sign and right)]:
        raise InputError(f"{wrong[0]!r} is not COLUMN=NAME, such as user=uid")
    return {left.strip(): right.strip() for left, _, right in pairs}


@dataclass(frozen=True, kw_only=True)
class _Options:
    predictions: str = required_option(str, "Parquet file, path or URI", metavar="FILE")
    name: str | None = option(
        _name, "name of the report and the experiment (default: that of the file)"
    )
    as_of: date | None = option(
        parse_day, "day of the rows, where the file has no column of days", metavar="T"
    )
    column: dict[str, str] | None = option(
        _renamed, "names of columns in the file, such as user=uid,label=clicked", metavar="C=NAME,…"
    )
    slices: tuple[str, ...] | None = option(
        names, "columns to compare part by part (default: further columns with few values)"
    )
    threshold: float = option(_fraction, "AUC gain that counts (default: 0.0010)", default=0.0010)
    confidence: float = option(_fraction, "coverage of the intervals (default: 0.95)", default=0.95)
    json: bool = flag("print results as JSON, all fields")


def _columns(renamed: dict[str, str]) -> PredictionColumns:
    from jobs.sources.prediction_columns import PredictionColumns

    allowed = [field.name for field in fields(PredictionColumns)]
    for name in renamed:
        if name not in allowed:
            raise InputError(f"--column {name}={renamed[name]}: one of {', '.join(allowed)}")
    return PredictionColumns(**renamed)


def _default_name(predictions: str) -> str:
    stem = re.sub("[^a-z0-9_]+", "_", PurePath(predictions).stem.lower()).strip("_")
    return stem if stem[:1].isalpha() else f"scores_{stem}".rstrip("_")


def _run(options: _Options) -> None:
    from jobs.cli.shown_results import show_results
    from jobs.sources.prediction_file import PredictionFile

    file = PredictionFile(
        options.predictions, _columns(options.column or {}), options.as_of, options.slices
    )
    name = options.name or _default_name(options.predictions)
    subject = ComparedScores(name, options.threshold, options.confidence)
    results = compare_predictions(file, subject)
    page = write_comparison(subject, results)
    try:
        runs = log_comparison(Lake.from_environment(), subject, results, page)
    except (ServiceUnavailable, InputError):
        # They are in no lake, from which they could be logged later: the same command makes them.
        show_results(subject, results, page, None, as_json=options.json)
        raise
    show_results(subject, results, page, runs[0].url, as_json=options.json)


COMPARE = Command(
    name="compare",
    summary="compare two scores of a system of your own",
    options=_Options,
    run=_run,
    details=_DETAILS,
)
