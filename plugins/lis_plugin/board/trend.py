"""The trend of a kind of preference data, as coordinates of an SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from jobs.board.summary import Change, Point, ScoreKey
from jobs.reporting.wording import days, signed

WIDTH, HEIGHT = 560, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 8, 22
_MOST_TICKS = 5
_LONG = 300
"""Days from which on an axis names months."""
_SMALL = 0.02
"""AUC below which an axis has four digits."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and what is written there."""

    place: float
    text: str


@dataclass(frozen=True)
class Ring:
    """A day on which the verdict is not that of the day before."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """The trend of one horizon.

    Attributes:
        number: Of its colour, from 0.
        path: The LIS.
        band: The intervals around it.
        end: The newest LIS.
    """

    number: int
    name: str
    path: str
    band: str
    end: Ring
    rings: Sequence[Ring]


@dataclass(frozen=True)
class Panel:
    """The trend of one kind in one mode, all horizons."""

    preference: str
    lines: Sequence[Line]
    zero: float
    threshold: float
    versions: Sequence[Ring]
    values: Sequence[Tick]
    dates: Sequence[Tick]
    summary: str


@dataclass(frozen=True)
class _Days:
    """Places of days, which all panels share."""

    first: date
    last: date
    places: Mapping[str, float]

    @classmethod
    def of(cls, lines: Iterable[Sequence[Point]]) -> _Days:
        ends = [point.day for line in lines for point in (line[0], line[-1])]
        first, last = date.fromisoformat(min(ends)), date.fromisoformat(max(ends))
        span = (last - first).days
        step = (WIDTH - _LEFT - _RIGHT) / max(span, 1)
        return cls(
            first,
            last,
            {
                (first + timedelta(days=place)).isoformat(): round(_LEFT + place * step, 1)
                for place in range(span + 1)
            },
        )

    def x(self, day: str) -> float:
        # A change may lie before the first day that is drawn.
        return self.places.get(day, float(_LEFT))

    def ticks(self) -> list[Tick]:
        """Evenly spaced days that end with the last one."""
        span = (self.last - self.first).days
        step = math.ceil(span / (_MOST_TICKS - 1)) or 1
        found = []
        for back in range(span // step, -1, -1):
            day = self.last - timedelta(days=back * step)
            text = f"{day:%b} {day.day}" if span < _LONG else f"{day:%b %Y}"
            found.append(Tick(self.x(day.isoformat()), text))
        return found


@dataclass(frozen=True)
class _Values:
    """Places of values in a panel."""

    low: float
    high: float

    @classmethod
    def of(cls, points: Iterable[Point], threshold: float) -> _Values:
        values = [0.0, threshold]
        for point in points:
            values += [one for one in (point.lis, point.low, point.high) if one is not None]
        low, high = min(values), max(values)
        margin = 0.05 * (high - low)
        return cls(low - margin, high + margin)

    def y(self, value: float) -> float:
        place = (self.high - value) / (self.high - self.low)
        return round(_TOP + place * (HEIGHT - _TOP - _BOTTOM), 1)

    def ticks(self) -> list[Tick]:
        """Three to six round numbers."""
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
        digits = 4 if max(abs(self.low), abs(self.high)) < _SMALL else 3
        places = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return [
            Tick(self.y(place * step), signed(place * step, digits) if place else "0")
            for place in places
        ]


def panels(
    lines: Mapping[ScoreKey, Sequence[Point]], rankers: Sequence[Change], threshold: float
) -> list[Panel]:
    """Draw the trends of a mode, a panel for each kind, those of the highest LIS first.

    All panels have the same days, and each its own scale of values.

    Args:
        lines: Points by score, all of one mode.
        rankers: Changes of the ranker.
        threshold: The AUC difference that counts as significant.
    """
    shown = {key: line for key, line in lines.items() if line}
    if not shown:
        return []
    span = _Days.of(shown.values())
    kinds: dict[str, dict[int, Sequence[Point]]] = {}
    for key, line in shown.items():
        kinds.setdefault(key.preference, {})[key.horizon] = line
    horizons = sorted({key.horizon for key in shown})
    found = [
        _panel(preference, of_kind, horizons, rankers, span, threshold)
        for preference, of_kind in kinds.items()
    ]
    best = {
        preference: max((line[-1].lis or 0.0) for line in of_kind.values())
        for preference, of_kind in kinds.items()
    }
    return sorted(found, key=lambda panel: (-best[panel.preference], panel.preference))


def _panel(
    preference: str,
    lines: Mapping[int, Sequence[Point]],
    horizons: Sequence[int],
    rankers: Sequence[Change],
    span: _Days,
    threshold: float,
) -> Panel:
    values = _Values.of((point for line in lines.values() for point in line), threshold)
    return Panel(
        preference=preference,
        lines=[
            _line(span, values, line, horizons.index(horizon), horizon)
            for horizon, line in sorted(lines.items())
        ],
        zero=values.y(0.0),
        threshold=values.y(threshold),
        versions=[
            Ring(span.x(one.day), 0.0, f"{one.day}: ranker {one.after}, before {one.before}")
            for one in rankers
        ],
        values=values.ticks(),
        dates=span.ticks(),
        summary="; ".join(
            f"{days(horizon)} of leak: {_said(line[0])}, {_said(line[-1])}"
            for horizon, line in sorted(lines.items())
        ),
    )


def _said(point: Point) -> str:
    value = "no LIS" if point.lis is None else signed(point.lis)
    return f"{value} on {point.day} ({point.verdict})"


def _line(span: _Days, values: _Values, line: Sequence[Point], number: int, horizon: int) -> Line:
    xs = [span.x(one.day) for one in line]
    places = [
        None if one.lis is None else (x, values.y(one.lis)) for x, one in zip(xs, line, strict=True)
    ]
    rings = [
        Ring(*place, f"{after.day}: {before.verdict}, then {after.verdict}")
        for (before, after), place in zip(pairwise(line), places[1:], strict=True)
        if place is not None and before.verdict != after.verdict
    ]
    known = [place for place in places if place is not None] or [(xs[-1], values.y(0.0))]
    upper = [(x, one.high) for x, one in zip(xs, line, strict=True) if one.high is not None]
    lower = [(x, one.low) for x, one in zip(xs, line, strict=True) if one.low is not None]
    edge = [f"{x},{values.y(value)}" for x, value in (*upper, *reversed(lower))]
    return Line(
        number=number % 4,
        name=days(horizon),
        path=_path(places),
        band=" ".join(edge),
        end=Ring(*known[-1], _said(line[-1])),
        rings=rings,
    )


def _path(places: Iterable[tuple[float, float] | None]) -> str:
    """Straight lines from day to day; a day without a LIS is a gap."""
    found, pen = [], "M"
    for place in places:
        if place is None:
            pen = "M"
            continue
        found.append(f"{pen}{place[0]},{place[1]}")
        pen = "L"
    return "".join(found)
