"""The report that a reviewer reads: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from jobs.lis import wording
from jobs.lis.plots import lis_by_horizon_figure, svg, trend_figure
from jobs.lis.result import LisResult
from jobs.scenarios import Scenario

_WIDE, _NARROW = 840, 340
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Picture:
    """The same picture twice: for a wide and for a narrow screen."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Axis:
    """The common scale of the intervals in a table, in AUC difference."""

    low: float
    high: float

    @classmethod
    def of(cls, results: Sequence[LisResult]) -> Axis:
        """Room for every interval, the threshold and 0, with a margin."""
        values = [0.0]
        for result in results:
            values += [result.threshold, result.lis, result.lis_ci_low, result.lis_ci_high]
        known = [value for value in values if not math.isnan(value)]
        margin = 0.06 * ((max(known) - min(known)) or 1.0)
        return cls(min(known) - margin, max(known) + margin)

    def place(self, value: float) -> str:
        """Where a value lies on the scale, from 0 to 100."""
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}"


def build_report(
    scenario: Scenario, results: Sequence[LisResult], previous: Sequence[LisResult] = ()
) -> str:
    """Return the report on some results as one self-contained HTML page.

    results: those that the report is about; with several days, the pooled result leads.
    previous: earlier results of the scenario, shown only as a trend.
    Raises ValueError if there is no result.
    """
    if not results:
        raise ValueError("a report needs a result; score the scenario first")
    shown = wording.ordered(results)
    leading = wording.headlined(shown)
    return _TEMPLATES.get_template("report.html.j2").render(
        scenario=scenario,
        title=scenario.title or scenario.name,
        as_of=_as_of(shown),
        leading=leading,
        others=[result for result in shown if result not in leading],
        axis=Axis.of(leading),
        pictures=[_horizons(scenario, leading), *_trend(scenario, [*previous, *shown])],
        sliced=[result for result in leading if result.slices],
        skipped=[result for result in leading if result.dates_skipped],
        versions=_versions(shown),
        notes=sorted({result.note for result in shown if result.note}),
        modes={result.mode: wording.mode_sentence(result.mode) for result in leading},
        level=wording.level(scenario.confidence),
        say=wording,
        isnan=math.isnan,
    )


def _as_of(results: Sequence[LisResult]) -> str:
    days = sorted({day for result in results for day in result.as_of.split(":")})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _versions(results: Sequence[LisResult]) -> list[dict[str, str]]:
    rows = {
        (result.as_of, result.ranker_version, result.data_digest, result.code_version)
        for result in results
    }
    names = ("as_of", "ranker", "data", "code")
    return [dict(zip(names, row, strict=True)) for row in sorted(rows)]


def _horizons(scenario: Scenario, results: Sequence[LisResult]) -> Picture:
    level = wording.level(scenario.confidence)
    summary = "; ".join(
        f"{result.preference}, {result.mode}, n = {result.horizon}: held-out "
        f"{wording.signed(result.lis)}, seen {wording.signed(result.lis_seen)}"
        for result in results
    )
    return Picture(
        title="LIS by days of leak",
        caption=f"Circles are held-out rows with their {level} interval. Diamonds are rows that "
        "trained the ranker, as in the paper. The gap between them is memorised labels.",
        wide=_svg(lis_by_horizon_figure(results, _WIDE), "horizons-wide", summary),
        narrow=_svg(lis_by_horizon_figure(results, _NARROW), "horizons-narrow", summary),
    )


def _trend(scenario: Scenario, results: Sequence[LisResult]) -> list[Picture]:
    single = {
        (result.preference, result.mode, result.horizon, result.as_of): result
        for result in results
        if not result.is_pooled
    }
    days = sorted({result.as_of for result in single.values()})
    if len(days) < 2:
        return []
    level = wording.level(scenario.confidence)
    summary = f"Held-out LIS of each day from {days[0]} to {days[-1]}"
    return [
        Picture(
            title="LIS by day",
            caption=f"Held-out LIS of each day from {days[0]} to {days[-1]}. "
            f"Bands are {level} intervals.",
            wide=_svg(trend_figure(list(single.values()), _WIDE), "trend-wide", summary),
            narrow=_svg(trend_figure(list(single.values()), _NARROW), "trend-narrow", summary),
        )
    ]


def _svg(figure: Figure, name: str, description: str) -> Markup:
    return Markup(svg(figure, name, description))
