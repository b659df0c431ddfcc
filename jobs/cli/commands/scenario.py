"""``lis scenario``: write a first scenario for a log, and check how a scenario reads its log."""

from __future__ import annotations

import logging
import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePath

from jobs.cli.command import Command, CommandGroup, scenarios_here
from jobs.common.errors import InputError
from jobs.common.options import argument, flag, names, option
from jobs.scenarios import Column, load_scenario

log = logging.getLogger("jobs")

_NEW = """\
Looks at the first rows of a Parquet or CSV file, or of a folder of them, and guesses which columns
are the user, the item, the time and the label. Every guess has a comment with what was found: read
it, and correct what is wrong. Columns that are not found are named by --column, by their position
from 0 if the file has no header.

  lis scenario new clicks.csv
  lis scenario new s3://bucket/logs --out my_feed.yaml --column user_id=uid,label=clicked
"""
_CHECK = """\
Reads the log as ingest does, and publishes nothing: which column is read as what, the first values,
the days, the labels, the rows that would be quarantined and why. A log that cannot be read so ends
with exit code 2.

  lis scenario check my_feed.yaml
"""


def _columns(text: str) -> dict[str, Column]:
    from jobs.sources.profile.guesses import ROLES

    found: dict[str, Column] = {}
    for part in names(text):
        role, _, column = part.partition("=")
        if role not in ROLES or not column:
            raise InputError(
                f"{part!r} is not ROLE=COLUMN, such as user_id=uid; roles: {', '.join(ROLES)}"
            )
        found[role] = int(column) if column.isdecimal() else column
    return found


@dataclass(frozen=True, kw_only=True)
class _NewOptions:
    log: str = argument(str, "the log: file or folder, path or URI", metavar="LOG")
    out: str | None = option(
        str, "the YAML file to write (default: the log's name, in this folder)", metavar="FILE"
    )
    column: dict[str, Column] | None = option(
        _columns, "columns that are known, such as user_id=uid,label=clicked", metavar="R=NAME,…"
    )
    ts_format: str | None = option(
        str, "format of the time, such as '%d.%m.%Y %H:%M', if it does not begin with the year"
    )
    force: bool = flag("replace the file if there is one")


@dataclass(frozen=True, kw_only=True)
class _CheckOptions:
    scenario: str = argument(
        str, "path of a YAML file, or shipped name", metavar="FILE", values=scenarios_here
    )
    raw: str | None = option(str, "path or URI of the log (default: the scenario's)")


def _new(options: _NewOptions) -> None:
    from jobs.sources.log_span import log_span
    from jobs.sources.profile.draft import draft_scenario, draft_text, scenario_name
    from jobs.sources.profile.guesses import guess
    from jobs.sources.profile.sample import sample_log

    stem = PurePath(options.log.rstrip("/")).name.partition(".")[0]
    target = Path(options.out or f"{scenario_name(stem)}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise InputError(f"--out {target}: a scenario's name ends with .yaml")
    if os.path.exists(target) and not options.force:
        raise InputError(f"{target} exists: give another name by --out, or --force to replace it")
    if not os.path.isdir(target.parent):
        raise InputError(f"--out {target}: there is no folder {target.parent}")
    sample = sample_log(options.log)
    guesses = guess(sample, options.column or {}, options.ts_format)
    name = scenario_name(target.stem)
    # The text is read back before it is written, so that what is written can be checked.
    first = draft_scenario(draft_text(name, sample, guesses))
    log.info("looking for the first and the last day of %s", options.log)
    text = draft_text(name, sample, guesses, log_span(first, sample.raw))
    draft_scenario(text)
    target.write_text(text, encoding="utf-8")
    print(f"{target}: check the lines with GUESS, then run")
    print(f"  {shlex.join(['lis', 'scenario', 'check', str(target)])}")


def _check(options: _CheckOptions) -> None:
    from jobs.cli.shown_profile import profile_text
    from jobs.sources.log_location import raw_location
    from jobs.sources.profile.log_profile import profile_log

    scenario = load_scenario(options.scenario)
    raw = raw_location(scenario, options.raw)
    log.info("%s: reading %s", scenario.name, raw)
    print(profile_text(scenario, profile_log(scenario, raw), options.raw))


SCENARIO = CommandGroup(
    name="scenario",
    summary="write a scenario for a log, check how one reads its log",
    commands=lambda: (
        Command(
            "new",
            "write a first scenario for a log, with a comment on every guess",
            options=_NewOptions,
            run=_new,
            details=_NEW,
        ),
        Command(
            "check",
            "check a scenario against its log, publish nothing",
            options=_CheckOptions,
            run=_check,
            details=_CHECK,
        ),
    ),
    metavar="ACTION",
)
