"""The notes on MLflow runs: Markdown that a reviewer understands without opening anything else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from jobs.evaluation.result import LisResult
from jobs.reporting import wording
from jobs.scenarios import Scenario

_MOST_ROWS = 20
_MOST_SENTENCES = 6
_MOST_WARNINGS = 5
"""MLflow cuts a note after 8,000 characters."""

_HOW_TO_READ = """\
### How to read this

- **LIS** is the AUC that today's ranker gains when the preference data is leaked to it from the \
future. It is an upper bound of what a model aligned on that data could bring.
- **Held-out** rows never trained any ranker; the verdict rests on them. **Seen** rows trained the \
later ranker, as in arXiv 2508.04963. **Memorised** is seen less held-out: an echo of labels.
- **Known** is what the data as known at T gains, **only leaked** what the future adds to that. \
The **placebo** is a shuffled leak and should gain nothing.
- The interval is clustered by user. **Worth aligning**: it lies above the threshold. **Already \
captured**: it lies below. **Inconclusive**: it crosses it."""


def score_note(scenario: Scenario, result: LisResult) -> str:
    """The note of one score: what was leaked, the verdict, the figures, windows and versions."""
    parts = [
        f"**{_plain(wording.headline(result, scenario.confidence))}**",
        f"{wording.mode_sentence(result.mode)}",
        _table(scenario, [result]),
        *_warnings([result]),
        _windows(result),
    ]
    if result.slices:
        parts.append(_slices(scenario, result))
    if result.note:
        parts.append(_plain(result.note))
    return "\n\n".join([*parts, _versions(result), _HOW_TO_READ])


def run_note(scenario: Scenario, results: Sequence[LisResult]) -> str:
    """The note of a parent run: the verdicts, then one table over all its scores."""
    shown = wording.ordered(results)
    parts = [_verdicts(scenario, shown), *_warnings(shown), _table(scenario, shown[:_MOST_ROWS])]
    if len(shown) > _MOST_ROWS:
        parts.append(f"{len(shown) - _MOST_ROWS} more are in `results.json`.")
    first = shown[0]
    parts.append(f"Scored: {_plain(wording.windows(first)['Scored rows'])}.")
    return "\n\n".join([*parts, _versions(first), _HOW_TO_READ])


def _verdicts(scenario: Scenario, results: Sequence[LisResult]) -> str:
    """A sentence for each of a few results, and a count for each verdict of many."""
    if len(results) <= _MOST_SENTENCES:
        lines = [wording.headline(result, scenario.confidence) for result in results]
    else:
        verdicts = Counter(result.verdict for result in results)
        lines = [
            f"{verdict.capitalize()}: {number} of {len(results)} scores"
            for verdict, number in sorted(verdicts.items(), reverse=True)
        ]
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _table(scenario: Scenario, results: Sequence[LisResult]) -> str:
    level = wording.level(scenario.confidence)
    header = (
        "Preference, mode",
        "n",
        "LIS",
        f"{level} interval",
        "Verdict",
        "Memorised",
        "Known",
        "Only leaked",
        "Placebo",
        "Rows",
        "Users",
        "Coverage",
        "Rows needed",
    )
    rows = [
        (
            f"{result.preference}, {result.mode}",
            str(result.horizon),
            f"**{wording.signed(result.lis)}**",
            wording.interval(result),
            result.verdict,
            wording.signed(result.memorisation),
            wording.signed(result.unleaked_gain),
            wording.signed(result.leak_gain),
            _with_margin(result.placebo, result.placebo_ci_low, result.placebo_ci_high),
            wording.count(result.rows),
            wording.count(result.users),
            wording.share(result.coverage),
            wording.count(result.rows_needed),
        )
        for result in results
    ]
    return _markdown(header, rows)


def _with_margin(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return wording.MISSING
    return f"{wording.signed(value)} {wording.margin(low, high)}"


def _slices(scenario: Scenario, result: LisResult) -> str:
    level = wording.level(scenario.confidence)
    rows = [
        (
            f"{part.name}: {part.value}",
            wording.signed(part.lis),
            wording.interval(part),
            "yes" if part.stands_out else wording.MISSING,
            wording.count(part.rows),
        )
        for part in sorted(result.slices, key=lambda part: not part.stands_out)[:_MOST_ROWS]
    ]
    return _markdown(("Slice", "LIS", f"{level} interval", "Stands out", "Rows"), rows)


def _warnings(results: Sequence[LisResult]) -> list[str]:
    return [f"⚠ {_plain(warning)}" for warning in wording.warnings(results)[:_MOST_WARNINGS]]


def _windows(result: LisResult) -> str:
    lines = [f"- {name}: {_plain(value)}" for name, value in wording.windows(result).items()]
    return "\n".join(lines)


def _versions(result: LisResult) -> str:
    return (
        f"Ranker `{result.ranker_version}`, data `{result.data_digest[:16]}`, "
        f"code `{result.code_version}`, threshold {result.threshold:.4f}."
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Keep names from being read as Markdown or HTML."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return escaped.replace("_", "\\_").replace("\n", " ")
