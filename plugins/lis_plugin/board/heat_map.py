"""The heat map of a scenario: kinds of preference data by days of leak."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jobs.board.score_line import ScoreLine
from jobs.evaluation.verdict.decision import BY_INTERVAL, Verdict
from jobs.reporting.wording import count, days, level
from plugins.lis_plugin.board.words import between, signed

STEPS = (-1.0, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Ends of the steps of colour, in thresholds."""
MODES = ("swap", "probe", "retrain")
MARKS = {
    Verdict.WORTH_ALIGNING: "\N{BLACK UP-POINTING TRIANGLE}",
    Verdict.ALREADY_CAPTURED: "=",
    Verdict.INCONCLUSIVE: "?",
}
WITHHELD = "\N{EMPTY SET}"


@dataclass(frozen=True)
class Cell:
    """A score of the heat map, in words.

    Attributes:
        line: The score.
        step: The step of colour, from 0; None where no verdict is given.
        mark: The sign of the verdict.
        is_behind: Whether a score of its column is of a newer day.
        stale_because: What has changed since it was computed; None if nothing was found.
        run: Its run in MLflow; None if no address is known.
    """

    line: ScoreLine
    step: int | None
    mark: str
    is_behind: bool
    stale_because: str | None
    run: str | None
    confidence: float

    @property
    def lis(self) -> str:
        return signed(self.line.lis)

    @property
    def interval(self) -> str:
        return between(self.line.lis_ci_low, self.line.lis_ci_high)

    @property
    def verdict(self) -> str:
        return self.line.verdict

    @property
    def days(self) -> str:
        """The evaluation days."""
        return self.line.as_of.replace(":", " to ")

    @property
    def sentences(self) -> Sequence[str]:
        """All that is said of the score, in full."""
        line = self.line
        found = [
            f"{line.verdict.capitalize()}: {line.verdict_reason}."
            if line.verdict_reason
            else f"{line.verdict.capitalize()}.",
            f"LIS {self.lis}, {level(self.confidence)} interval {self.interval}; the threshold is "
            f"{line.threshold:.4f}.",
        ]
        if line.leak_gain is not None:
            found.append(f"The future adds {signed(line.leak_gain)} to what is available today.")
        if line.rows is not None:
            needed = f", about {count(line.rows_needed)} needed" if line.rows_needed else ""
            found.append(f"{count(line.rows)} held-out rows of {count(line.users)} users{needed}.")
        found.append(f"As of {self.days}, ranker {line.ranker_version}.")
        if self.stale_because is not None:
            found.append(f"Stale: {self.stale_because}.")
        return found


@dataclass(frozen=True)
class Column:
    """Days of leak, and the newest evaluation day that has a score of them."""

    horizon: int
    newest: str

    @property
    def leak(self) -> str:
        return days(self.horizon)


@dataclass(frozen=True)
class Row:
    """A kind of preference data; a cell is None where it has no score."""

    preference: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class HeatMap:
    """The scores of a mode, the best kinds first."""

    columns: Sequence[Column]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Step:
    """An entry of the legend."""

    number: int
    text: str


Address = Callable[[ScoreLine], str | None]


def heat_map(
    lines: Collection[ScoreLine],
    mode: str,
    confidence: float,
    stale: Mapping[tuple[str, str, str, int], str],
    address: Address,
) -> HeatMap:
    """Arrange the scores of a mode.

    Args:
        lines: One for each kind, mode and horizon.
        mode: The mode.
        confidence: Coverage of the intervals, between 0 and 1.
        stale: What has changed, by day, kind, mode and horizon of a score.
        address: Gives the address of a score's run in MLflow.
    """
    shown = [line for line in lines if line.mode == mode]
    columns = [
        Column(horizon, max(line.last for line in shown if line.horizon == horizon))
        for horizon in sorted({line.horizon for line in shown})
    ]
    newest = {column.horizon: column.newest for column in columns}
    cells: dict[str, dict[int, Cell]] = {}
    for line in shown:
        cells.setdefault(line.preference, {})[line.horizon] = Cell(
            line=line,
            step=step_of(line),
            mark=mark_of(line.verdict),
            is_behind=line.last < newest[line.horizon],
            stale_because=stale.get((line.as_of, line.preference, line.mode, line.horizon)),
            run=address(line),
            confidence=confidence,
        )
    best = {
        preference: max((cell.line.lis or 0.0 for cell in row.values()), default=0.0)
        for preference, row in cells.items()
    }
    rows = [
        Row(preference, [row.get(column.horizon) for column in columns])
        for preference, row in sorted(cells.items(), key=lambda one: (-best[one[0]], one[0]))
    ]
    return HeatMap(columns, rows)


def mark_of(verdict: str) -> str:
    """Return the sign of a verdict."""
    return MARKS.get(verdict, WITHHELD)  # type: ignore[call-overload,no-any-return]


def step_of(line: ScoreLine) -> int | None:
    """Return the step of colour of a score; None where no verdict is given."""
    if line.lis is None or line.verdict not in BY_INTERVAL:
        return None
    share = line.lis / line.threshold
    return sum(share >= end for end in STEPS)


def legend(threshold: float) -> list[Step]:
    """Return the steps of colour, in AUC."""
    ends = [signed(end * threshold) for end in STEPS]
    texts = [
        f"below {ends[0]}",
        f"\N{PLUS-MINUS SIGN}{threshold:.4f}",
        *(f"{low} to {high}" for low, high in pairwise(ends[1:])),
        f"{ends[-1]} or more",
    ]
    return [Step(number, text) for number, text in enumerate(texts)]
