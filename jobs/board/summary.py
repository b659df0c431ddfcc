"""What a page shows of the board's table: the newest scores, trends, and what has changed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from jobs.board.lines import OF_LIS, as_lines
from jobs.board.score_line import ScoreLine

_DAY = len("2026-01-01")
RECENT = timedelta(days=180)
"""How far before the newest day a score still counts as the newest of its kind."""


class ScoreKey(NamedTuple):
    """What is scored day by day."""

    preference: str
    mode: str
    horizon: int


class Point(NamedTuple):
    """A day of a trend. ``day`` is in ISO 8601."""

    day: str
    lis: float | None
    low: float | None
    high: float | None
    verdict: str
    ranker: str


@dataclass(frozen=True)
class Change:
    """A verdict or a ranker version that is not that of the day before.

    Attributes:
        day: The day of the new one, in ISO 8601.
        key: The score whose verdict has changed; None for a ranker version.
        before: The old verdict or version.
        after: The new one.
    """

    day: str
    key: ScoreKey | None
    before: str
    after: str


def newest_day(rows: pa.Table) -> date | None:
    """Return the newest day that has a line; None without any."""
    last = pc.max(_last(rows)).as_py()
    return None if last is None else date.fromisoformat(last)


def since(rows: pa.Table, day: date) -> pa.Table:
    """Return the lines whose day, or last day, is not before a day."""
    return rows.filter(pc.greater_equal(_last(rows), day.isoformat()))


def of_as_ofs(rows: pa.Table, as_ofs: Collection[str]) -> pa.Table:
    """Return the lines of some days, or ranges of days."""
    return rows.filter(pc.is_in(rows.column("as_of"), pa.array(sorted(as_ofs), pa.string())))


def of_mode(rows: pa.Table, mode: str) -> pa.Table:
    """Return the lines of a mode."""
    return rows.filter(pc.equal(rows.column("mode"), mode))


def newest_lines(rows: pa.Table, of: str = OF_LIS) -> list[ScoreLine]:
    """Return the newest line of each score.

    Where several are of its newest day, that of the newest ranker counts, and among these the one
    that was pooled over most days. An encoder's lines are told apart by encoder and head as well.

    Args:
        rows: Lines of the table.
        of: The table of their results.
    """
    day = newest_day(rows)
    if day is None:
        return []
    rows = since(rows, day - RECENT)
    current = current_ranker(rows)
    names = ("preference", "mode", "horizon", *(() if of == OF_LIS else ("encoder", "head")))
    best: dict[tuple[object, ...], tuple[tuple[str, bool], tuple[str, str], int]] = {}
    keys = zip(*(rows.column(name).to_pylist() for name in names), strict=True)
    as_ofs = rows.column("as_of").to_pylist()
    rankers = rows.column("ranker_version").to_pylist()
    for place, (key, as_of, ranker) in enumerate(zip(keys, as_ofs, rankers, strict=True)):
        newest, longest = (as_of[-10:], ranker == current), (as_of[:10], ranker)
        known = best.get(key)
        # Of two ranges that end on a day, the longer one begins earlier.
        if known is None or newest > known[0] or (newest == known[0] and longest < known[1]):
            best[key] = newest, longest, place
    places = [place for *_, place in best.values()]
    return sorted(as_lines(of, rows.take(places)), key=lambda line: line.order)


def current_ranker(rows: pa.Table) -> str | None:
    """Return the ranker version of the newest day; None without a line."""
    last, versions = _last(rows).to_pylist(), rows.column("ranker_version").to_pylist()
    return max(zip(last, versions, strict=True), default=(None, None))[1]


def thinned(rows: pa.Table, most: int) -> pa.Table:
    """Return the lines of evenly spaced days that end with the newest one.

    Args:
        rows: Lines of the table.
        most: Days that stay, at most.
    """
    days = sorted(one for one in pc.unique(rows.column("as_of")).to_pylist() if len(one) == _DAY)
    step = math.ceil(len(days) / most) or 1
    return of_as_ofs(rows, days[::-1][::step])


def trends(rows: pa.Table) -> Mapping[ScoreKey, Sequence[Point]]:
    """Return the points of each score by day, without pooled results.

    Of several rankers that have scored a day, the one of the newest day counts.
    """
    single = _of_single_days(rows)
    current = current_ranker(single)
    found: dict[ScoreKey, dict[str, Point]] = {}
    names = ("preference", "mode", "horizon", "as_of", "lis", "lis_ci_low", "lis_ci_high")
    columns = (single.column(name).to_pylist() for name in (*names, "verdict", "ranker_version"))
    for preference, mode, horizon, *point in zip(*columns, strict=True):
        line = found.setdefault(ScoreKey(preference, mode, horizon), {})
        new = Point(*point)
        if new.day not in line or new.ranker == current or line[new.day].ranker != current:
            line[new.day] = new
    return {key: sorted(line.values()) for key, line in sorted(found.items())}


def verdict_changes(rows: pa.Table) -> list[Change]:
    """Return the verdicts that are not those of the day before of the same ranker, by day."""
    names = ["preference", "mode", "horizon", "ranker_version", "as_of"]
    lines = _of_single_days(rows).sort_by([(name, "ascending") for name in names])
    if len(lines) < 2:
        return []
    before, after = lines.slice(0, len(lines) - 1), lines.slice(1)
    is_changed = pc.not_equal(before.column("verdict"), after.column("verdict"))
    for name in names[:-1]:
        is_same = pc.equal(before.column(name), after.column(name))
        is_changed = pc.and_(is_changed, is_same)
    changed = after.filter(is_changed).select([*names, "verdict"]).to_pylist()
    verdicts = before.filter(is_changed).column("verdict").to_pylist()
    found = [
        Change(
            one["as_of"],
            ScoreKey(one["preference"], one["mode"], one["horizon"]),
            verdict,
            one["verdict"],
        )
        for one, verdict in zip(changed, verdicts, strict=True)
    ]
    return sorted(found, key=lambda one: (one.day, one.key))


def ranker_changes(rows: pa.Table) -> list[Change]:
    """Return the ranker versions that are not those of the day before, by day."""
    # Where a new ranker has scored some of a day, the day may have scores of two.
    of_days = _of_single_days(rows).group_by("as_of").aggregate([("ranker_version", "max")])
    versions = sorted(zip(*(column.to_pylist() for column in of_days.columns), strict=True))
    return [
        Change(day, None, before, after)
        for (_, before), (day, after) in pairwise(versions)
        if before != after
    ]


def _of_single_days(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(pc.utf8_length(rows.column("as_of")), _DAY))


def _last(rows: pa.Table) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(rows.column("as_of"), -10)
