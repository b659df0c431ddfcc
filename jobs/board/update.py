"""Brings the board's table up to date with the results of the lake."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from jobs.ais.ais_result import AIS_TABLE, AisResult
from jobs.board.lines import (
    CONFIDENCE,
    LINES,
    OF_AIS,
    OF_LIS,
    as_lines,
    as_table,
    board_partition,
    board_years,
    line_schema,
)
from jobs.board.score_line import ScoreLine
from jobs.common.code_digest import code_digest
from jobs.common.day_range import DayRange
from jobs.common.errors import DamagedFile, FencedOut
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import LIS, read_result
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario

log = logging.getLogger("jobs")

_RESULTS: dict[str, tuple[str, type[LisResult]]] = {
    OF_LIS: (LIS, LisResult),
    OF_AIS: (AIS_TABLE, AisResult),
}


def update_board(lake: Lake, scenario: Scenario, days: DayRange) -> None:
    """Copy to the board's table what the lake has of some days, and of days that it lacks.

    A year is copied anew as a whole where other code or another confidence has made its lines. A
    result that is damaged is left out, with a warning. Where another process updates the same year,
    the one that came later has the results of both.

    Args:
        lake: Holds the results.
        scenario: Their scenario, whose confidence corrects the verdicts.
        days: Days whose results may have changed.
    """
    for of, (table, _) in _RESULTS.items():
        stored = lake.days_with_any(table, scenario.name)
        for year in sorted({day.year for day in stored} | {*board_years(lake, scenario.name)}):
            in_year = [day for day in stored if day.year == year]
            _update(lake, scenario, of, year, in_year, days)


def _update(
    lake: Lake, scenario: Scenario, of: str, year: int, stored: Sequence[date], days: DayRange
) -> None:
    partition = board_partition(scenario.name, of, year)
    kept = _kept_lines(lake, scenario, of, partition, stored, days)
    copied = {line.last_day for line in kept}
    changed = [day for day in stored if day not in copied]
    if not changed and kept == _lines(lake, of, partition):
        return
    try:
        with lake.attempt([partition]) as attempt:
            # Results that another process has stored before it claimed the partition are among
            # those that are read here.
            kept = _kept_lines(lake, scenario, of, partition, stored, days)
            lines = [*kept, *_copied(lake, scenario, of, changed)]
            if not lines and not lake.is_published(partition):
                return
            attempt.write_table("part-00000.parquet", as_table(of, lines))
            attempt.publish(
                partition,
                inputs=_inputs(scenario, lines),
                schema=line_schema(of),
                facts={CONFIDENCE: scenario.confidence},
            )
    except FencedOut:
        log.info("%s: another process updates it too, and has the results of both", partition)


def _kept_lines(
    lake: Lake,
    scenario: Scenario,
    of: str,
    partition: Partition,
    stored: Collection[date],
    days: DayRange,
) -> list[ScoreLine]:
    """The lines that need not be copied again."""
    try:
        manifest = lake.manifest(partition)
        lines = _lines(lake, of, partition)
    except DamagedFile as error:
        log.warning("%s %s: it is made anew", error.file, error.fault)
        return []
    if manifest is None or not _is_current(manifest, scenario, lines):
        return []
    return [line for line in lines if line.last_day in stored and line.last_day not in days]


def _lines(lake: Lake, of: str, partition: Partition) -> list[ScoreLine]:
    manifest = lake.manifest(partition)
    if manifest is None:
        return []
    rows = lake.read(partition)
    return as_lines(of, rows) if rows.schema.equals(line_schema(of)) else []


def _copied(lake: Lake, scenario: Scenario, of: str, days: Iterable[date]) -> list[ScoreLine]:
    """The lines of all results of some days."""
    table, kind = _RESULTS[of]
    lines = []
    for day in days:
        partitions = [
            Partition(table, scenario.name, day, keys)
            for keys in lake.keys_below(table, scenario.name, day)
        ]
        found = [(one, result) for one in partitions if (result := _read(lake, one, kind))]
        corrected = corrected_for_looks([result for _, result in found], scenario.confidence)
        for (partition, _), result in zip(found, corrected, strict=True):
            manifest = lake.manifest(partition)
            source = "" if manifest is None else manifest.digest
            lines.append(LINES[of].of(result.to_dict(), source))
    return lines


def _read(lake: Lake, partition: Partition, kind: type[LisResult]) -> LisResult | None:
    try:
        return read_result(lake, partition, kind)
    except DamagedFile as error:
        log.warning("%s %s: the board does not show it", error.file, error.fault)
        return None


def _inputs(scenario: Scenario, lines: Iterable[ScoreLine]) -> dict[str, str]:
    return {
        "code": code_digest(__name__),
        "confidence": str(scenario.confidence),
        "results": digest_of(sorted(line.source for line in lines)),
    }


def _is_current(manifest: Manifest, scenario: Scenario, lines: Iterable[ScoreLine]) -> bool:
    return dict(manifest.inputs) == _inputs(scenario, lines)
