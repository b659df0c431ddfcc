"""The text of a first scenario for a log, with a comment on everything that was guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date

import yaml

from jobs.scenarios import Column, CsvFormat, Scenario
from jobs.sources.profile.guesses import ROLES, Guesses
from jobs.sources.profile.sample import LogSample

_MOST_SHOWN = 6
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./={}-]*")
_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
_HORIZONS = ((7, 30), (3, 7), (1, 3), (1,))


def scenario_name(text: str) -> str:
    """A valid name of a scenario from any text."""
    name = re.sub("[^a-z0-9_]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"feed_{name}".rstrip("_")


def horizons_for(days: int) -> tuple[int, ...]:
    """Days of leak that leave days to score in a log of so many days."""
    return next((one for one in _HORIZONS if max(one) + 4 <= days), _HORIZONS[-1])


def draft_text(
    name: str, sample: LogSample, guesses: Guesses, span: tuple[date, date] | None = None
) -> str:
    """A scenario as YAML.

    Args:
        name: Its name.
        sample: The log.
        guesses: How it is read.
        span: First and last day of the log, which the horizons depend on; None if not known yet.
    """
    return "\n".join(_lines(name, sample, guesses, span)) + "\n"


def draft_scenario(text: str) -> Scenario:
    """The scenario that a text describes."""
    return Scenario.model_validate(yaml.safe_load(text))


def _lines(
    name: str, sample: LogSample, guesses: Guesses, span: tuple[date, date] | None
) -> Iterator[str]:
    yield "# Written by lis scenario new from the first rows of the log. Lines with GUESS are to be"
    yield "# checked; lis scenario check shows how the log is read. All keys: docs/configuration.md"
    yield f"name: {name}  # names its tables, DAG and experiment"
    yield f"title: {_quoted(name.replace('_', ' ').capitalize())}"
    yield "source:"
    yield "  reader: table"
    yield f"  raw: {_quoted(sample.raw)}  # another place: --raw"
    if sample.path:
        about = ", {ds} is the day" if "{ds}" in sample.path else ""
        yield f"  path: {_quoted(sample.path)}  # below raw{about}"
    yield from _format(sample)
    yield "  columns:"
    for role in ROLES:
        yield _column(role, sample, guesses)
    yield from _context_columns(guesses)
    yield f"  ids: {guesses.ids}  # int64 if all user and item ids are whole numbers, else string"
    yield _unit(guesses)
    if guesses.ts_format is not None:
        yield f"  ts_format: {_quoted(guesses.ts_format)}{_mark('ts', guesses)}"
    yield from _label(guesses)
    if guesses.left:
        names = ", ".join(map(str, guesses.left[:_MOST_SHOWN]))
        more = f" and {len(guesses.left) - _MOST_SHOWN} more" * (len(guesses.left) > _MOST_SHOWN)
        yield f"# Not used: {names}{more}."
    yield "# What the ranker reads beside user, item and clicks; hour and weekday are of the time."
    yield "context: [hour]"
    yield "folds: {lineage: 0.8, fit: 0.1, eval: 0.1}  # fixed at the first ingest"
    days = (span[1] - span[0]).days + 1 if span else 1
    horizons = ", ".join(map(str, horizons_for(days)))
    yield f"horizons: [{horizons}]  # days of leak; the log has {days} days"
    yield "preferences: [id_embedding]  # lis preference list shows all kinds"
    yield "modes: [swap]  # probe and retrain take longer and allow every kind"


def _format(sample: LogSample) -> Iterator[str]:
    if not isinstance(sample.form, CsvFormat):
        yield "  format: {kind: parquet}"
        return
    form = sample.form
    options = ["kind: csv", f"delimiter: {json.dumps(form.delimiter)}"]
    if not form.header:
        options.append("header: false")
    if form.encoding != "utf-8":
        options.append(f"encoding: {form.encoding}")
    yield f"  format: {{{', '.join(options)}}}  # GUESS from the first rows"


def _column(role: str, sample: LogSample, guesses: Guesses) -> str:
    if role not in guesses.columns:
        return f"    # {role}: …  # a column with a unique id; without it: user, item and time"
    column = guesses.columns[role]
    stored = sample.columns[column].drop_null()
    value = f", such as {_short(stored[0].as_py())}" if len(stored) else ""
    return f"    {role}: {_quoted(column)}{_mark(role, guesses)}{value}"


def _mark(role: str, guesses: Guesses) -> str:
    return "  # as given" if role in guesses.is_given else "  # GUESS"


def _context_columns(guesses: Guesses) -> Iterator[str]:
    if not guesses.context:
        yield "    # context: {device: device_type}  # a field of the ranker, and its column"
        return
    fields = ", ".join(f"{scenario_name(str(one))}: {_quoted(one)}" for one in guesses.context)
    yield "    # Fields for the ranker, if they are known before the impression is shown. To use"
    yield "    # some, remove the # and name them in the list of context below, too."
    yield f"    # context: {{{fields}}}"


def _unit(guesses: Guesses) -> str:
    about = "dates or ISO text, in UTC" if guesses.ts_unit == "timestamp" else "since 1970, in UTC"
    return f"  ts_unit: {guesses.ts_unit}{_mark('ts', guesses)}: {about}"


def _label(guesses: Guesses) -> Iterator[str]:
    counts = sorted(guesses.labels.items(), key=lambda one: (-one[1], one[0]))[:_MOST_SHOWN]
    found = ", ".join(f"{_short(value)} ({count:,} rows)" for value, count in counts)
    rule = guesses.label
    if rule.at_least is not None:
        yield f"  label: {{at_least: {rule.at_least:g}}}  # GUESS: 1 from there on; found {found}"
    elif rule.equals is not None:
        word = _quoted(str(rule.equals))
        yield f"  label: {{equals: {word}}}  # GUESS: 1 for this; found {found}"
    else:
        yield f"  # label: {{at_least: 1}}  # not needed for 0 and 1; found {found}"


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"


def _quoted(value: Column) -> str:
    if isinstance(value, int):
        return str(value)
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and "{" not in value
    return value if is_plain else json.dumps(value, ensure_ascii=False)
