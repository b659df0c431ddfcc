"""The notes on MLflow runs: Markdown that a reviewer can read without opening anything else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from jobs.common.markdown import code, plain
from jobs.evaluation.declared.differences import HEADLINE
from jobs.evaluation.figure import Figure, Section, Value
from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import LisResult, Subject
from jobs.gate.decide import GateDecision
from jobs.reporting import verdict_text, wording
from jobs.stats.estimate import Estimate

_EVIDENCE = {"rows", "users", "coverage", "rows_needed"}
"""Figures in the table of a note, besides those of the decision."""
_MOST_ROWS = 20
_MOST_SENTENCES = 6
_MOST_CHARACTERS = 2_500
_MOST_WARNINGS = 5
_LONGEST = 60
"""The limits keep a note below the 8,000 characters that MLflow accepts."""

_HOW_TO_READ = """\
### How to read this

- **LIS** is the AUC that today's ranker gains when the preference data is leaked to it from the \
future. It is an upper bound of what a model aligned on that data could bring.
- **Held-out** rows never trained any ranker; the verdict rests on them. **Seen** rows trained the \
later ranker, as in arXiv 2508.04963. **Memorised** is seen minus held-out: remembered labels.
- **Future adds** is what the days after T add to the data as available at T, **available today** \
the gain of that data without any alignment. The **placebo** is a shuffled leak and should gain \
nothing.
- The interval is clustered by user. **Worth aligning**: it lies above the threshold, and so does \
that of what the future adds. **Already captured**: one of the two lies below. **Inconclusive**: \
it crosses it. All other verdicts name the reason why none is given; **feature not used** is no \
evidence against the data."""


def result_note(about: Subject, result: LisResult) -> str:
    """Return the note of one result: verdict, figures, windows and versions."""
    parts = [
        f"**{plain(verdict_text.headline(result, about))}**",
        plain(wording.mode_sentence(result.mode)),
        _table(about, [result]),
        *_remarks([result]),
        *_warnings([result]),
        _windows(result),
    ]
    if result.slices:
        parts.append(_slices(about, result))
    if result.note:
        parts.append(plain(result.note))
    return "\n\n".join([*parts, _versions(result), _HOW_TO_READ])


def parent_note(about: Subject, results: Sequence[LisResult]) -> str:
    """Return the note of a parent run: the verdicts, then one table of all results."""
    shown = wording.by_worth(results)
    parts = [
        _verdicts(about, shown),
        *_remarks(shown),
        *_warnings(shown),
        _table(about, shown[:_MOST_ROWS]),
    ]
    if len(shown) > _MOST_ROWS:
        parts.append(f"{len(shown) - _MOST_ROWS} more are in `results.json`.")
    first = shown[0]
    parts.append(f"Evaluated: {plain(wording.windows(first)['Evaluated rows'])}.")
    return "\n\n".join([*parts, _versions(first), _HOW_TO_READ])


def gate_note(decision: GateDecision) -> str:
    """Return the note of a decision of the gate: what, why, and the user's reason if forced."""
    parts = [
        f"**Gate {decision.outcome}: {plain(decision.preference)} as of {decision.as_of}**",
        f"{plain(decision.reason)}.",
    ]
    if decision.forced_because:
        parts.append(f"Forced because: {plain(decision.forced_because)}")
    parts.append(
        "The gate opens where a verdict on the newest date of a kind of preference data is *worth "
        "aligning*, corrected for the number of results of that date, or where a user forces it."
    )
    return "\n\n".join(parts)


def _verdicts(about: Subject, results: Sequence[LisResult]) -> str:
    """Return the headlines of a few results, or a count for each verdict of many."""
    if len(results) <= _MOST_SENTENCES:
        lines = [verdict_text.headline(result, about) for result in results]
        while sum(map(len, lines)) > _MOST_CHARACTERS:
            lines.pop()
        if left := len(results) - len(lines):
            lines.append(f"{left} more in the table")
    else:
        verdicts = Counter(result.verdict for result in results)
        lines = [
            f"{verdict.capitalize()}: {number} of {len(results)} results"
            for verdict, number in verdicts.items()
        ]
    return "\n".join(f"- {plain(line)}" for line in lines)


def _remarks(results: Sequence[LisResult]) -> list[str]:
    """Return how good the ranker is, and for how many looks verdicts are corrected."""
    found = [verdict_text.simple_models_sentence(result) for result in results[:1]]
    return [plain(text) for text in (*found, verdict_text.looks_sentence(results)) if text]


def _table(about: Subject, results: Sequence[LisResult]) -> str:
    level = wording.level(about.confidence)
    shown = [
        figure
        for figure in all_figures()
        if (figure.section == Section.DECISION or figure.name in _EVIDENCE)
        and figure.measure != HEADLINE
    ]
    header = (
        "Preference, mode",
        "n",
        "LIS",
        f"{level} interval",
        "Verdict",
        *(figure.label for figure in shown),
    )
    rows = [
        (
            plain(f"{result.preference}, {result.mode}"),
            str(result.horizon),
            f"**{wording.signed(result.lis)}**",
            wording.interval(result.estimate),
            plain(result.verdict),
            *(_cell(figure, result.value(figure)) for figure in shown),
        )
        for result in results
    ]
    return _markdown(header, rows)


def _cell(figure: Figure, value: Value) -> str:
    text = wording.value_text(figure, value)
    if not (figure.should_be_zero and isinstance(value, Estimate)) or math.isnan(value.value):
        return text
    return f"{text} {wording.margin(value.ci_low, value.ci_high)}"


def _slices(about: Subject, result: LisResult) -> str:
    level = wording.level(about.confidence)
    rows = [
        (
            plain(wording.shortened(f"{part.name}: {part.value}", _LONGEST)),
            wording.signed(part.estimate.value),
            wording.interval(part.estimate),
            "yes" if part.stands_out else wording.MISSING,
            wording.count(part.rows),
        )
        for part in sorted(result.slices, key=lambda part: not part.stands_out)[:_MOST_ROWS]
    ]
    return _markdown(("Slice", "LIS", f"{level} interval", "Stands out", "Rows"), rows)


def _warnings(results: Sequence[LisResult]) -> list[str]:
    return [f"⚠ {plain(warning)}" for warning in wording.warnings(results)[:_MOST_WARNINGS]]


def _windows(result: LisResult) -> str:
    lines = [f"- {name}: {plain(value)}" for name, value in wording.windows(result).items()]
    return "\n".join(lines)


def _versions(result: LisResult) -> str:
    return (
        f"Ranker {code(result.ranker_version)}, data {code(result.data_digest[:16])}, "
        f"code {code(result.code_version)}, threshold {result.threshold:.4f}."
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
