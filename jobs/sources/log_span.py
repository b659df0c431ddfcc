"""First and last day of a log."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.scenarios import Scenario, SimulatedSource
from jobs.sources.contract.calendar import outlying_days
from jobs.sources.contract.impression_rows import ImpressionRows
from jobs.sources.log_checks import check_log
from jobs.sources.log_location import days_of_log, has_day_in_path, log_files
from jobs.sources.log_source import table_source


def log_span(scenario: Scenario, raw: str) -> tuple[date, date]:
    """First and last day with an impression, found in bounded memory as ingest finds them.

    The simulated feed begins with its schedule and extends through yesterday. A log with one path
    per day extends over the days of its paths.

    Raises:
        InputError: If there is no log, it cannot be read, or no row of it is an impression.
    """
    source = table_source(scenario)
    if isinstance(scenario.source, SimulatedSource):
        return scenario.schedule.start, datetime.now(UTC).date() - timedelta(days=1)
    if has_day_in_path(source):
        days = days_of_log(source, raw)
        if not days:
            raise InputError(f"no day of scenario {scenario.name} at {raw}/{source.path}")
        return days[0], days[-1]
    rows = _impressions_by_day(scenario, raw)
    found = sorted({*rows} - outlying_days(scenario.name, rows))
    if not found:
        raise InputError(
            f"{raw}: no time in the log can be read, or no row has a user, an item and a label "
            "beside it: correct ts, ts_unit and the other keys of source in the scenario"
        )
    return found[0], found[-1]


def _impressions_by_day(scenario: Scenario, raw: str) -> Counter[date]:
    source = table_source(scenario)
    table = check_log(source, log_files(source, raw))
    reader = ImpressionRows(table, source, scenario)
    rows: Counter[date] = Counter()
    for part in table.parts:
        for batch in reader.batches(part):
            if refusals := batch.column("refusal").drop_null().to_pylist():
                raise InputError(refusals[0])
            days = batch.column("_day").filter(pc.is_null(batch.column("reason")))
            for entry in pc.value_counts(days).to_pylist():
                rows[entry["values"]] += entry["counts"]
    return rows
