"""The notes on MLflow runs: Markdown that a reviewer understands without opening anything else."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.lis import wording
from jobs.lis.result import LisResult
from jobs.scenarios import Scenario

_MOST_ROWS = 20

_HOW_TO_READ = """\
### How to read this

- **LIS** is the AUC that today's ranker gains when the preference data is leaked to it from the \
future. It is an upper bound of what a model aligned on that data could bring.
- **Held-out** rows never trained any ranker; the verdict rests on them. **Seen** rows trained the \
later ranker, as in arXiv 2508.04963. **Memorised** is seen less held-out: an echo of labels.
- The interval is clustered by user. **Worth aligning**: it lies above the threshold. **Already \
captured**: it lies below. **Inconclusive**: it crosses it."""


def score_note(scenario: Scenario, result: LisResult) -> str:
    """The note of one score: what was leaked, the verdict, the figures, windows and versions."""
    parts = [
        f"**{_plain(wording.headline(result, scenario.confidence))}**",
        f"{wording.mode_sentence(result.mode)}",
        _table(scenario, [result]),
        _windows(result),
    ]
    if result.slices:
        parts.append(_slices(scenario, result))
    if result.note:
        parts.append(_plain(result.note))
    return "\n\n".join([*parts, _versions(result), _HOW_TO_READ])


def run_note(scenario: Scenario, results: Sequence[LisResult]) -> str:
    """The note of a parent run: each verdict, then one table over all its scores."""
    shown = wording.ordered(results)
    sentences = [
        f"- {_plain(wording.headline(result, scenario.confidence))}"
        for result in shown[:_MOST_ROWS]
    ]
    parts = ["\n".join(sentences), _table(scenario, shown[:_MOST_ROWS])]
    if len(shown) > _MOST_ROWS:
        parts.append(f"{len(shown) - _MOST_ROWS} more are in `results.json`.")
    first = shown[0]
    parts.append(f"Scored: {_plain(wording.windows(first)['Scored rows'])}.")
    return "\n\n".join([*parts, _versions(first), _HOW_TO_READ])


def _table(scenario: Scenario, results: Sequence[LisResult]) -> str:
    level = wording.level(scenario.confidence)
    header = (
        "Preference, mode",
        "n",
        "LIS",
        f"{level} interval",
        "Verdict",
        "Seen",
        "Memorised",
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
            wording.signed(result.lis_seen),
            wording.signed(result.memorisation),
            wording.count(result.rows),
            wording.count(result.users),
            wording.share(result.coverage),
            wording.count(result.rows_needed),
        )
        for result in results
    ]
    return _markdown(header, rows)


def _slices(scenario: Scenario, result: LisResult) -> str:
    level = wording.level(scenario.confidence)
    rows = [
        (
            f"{part.name}: {part.value}",
            wording.signed(part.lis),
            wording.interval(part),
            wording.count(part.rows),
        )
        for part in result.slices[:_MOST_ROWS]
    ]
    return _markdown(("Slice", "LIS", f"{level} interval", "Rows"), rows)


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
