"""AUC Improvement Scores as plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.ais.ais_result import AisResult
from jobs.ais.exchange_rate import slope
from jobs.ais.terms import AisMode
from jobs.reporting.text_columns import in_ascii, in_columns
from jobs.reporting.wording import MISSING, interval, share_interval, signed

_HEADER = (
    "as of",
    "preference",
    "mode",
    "head",
    "n",
    "AIS",
    "interval",
    "of the LIS",
    "LIS",
    "alignment adds",
    "content alone",
    "shuffled",
    "recall",
    "diagnosis",
)
_TO_THE_LEFT = {"as of", "preference", "mode", "head", "diagnosis"}


def ais_table(results: Sequence[AisResult]) -> str:
    """Align the results in columns, one line each, without a trailing line break."""
    if not results:
        return "no results"
    return in_columns(_HEADER, [_cells(result) for result in results], _TO_THE_LEFT)


def ais_line(result: AisResult) -> str:
    """Return a result in one line of ASCII: AIS, interval, diagnosis and its reason."""
    return in_ascii(
        f"{result.as_of}, {result.title}: "
        f"AIS {signed(result.ais)} ({interval(result.ais_estimate)}), {result.diagnosis}: "
        f"{result.diagnosis_reason}"
    )


def ais_notes(results: Sequence[AisResult]) -> str:
    """Return the reasons of the diagnoses and their encoders, a line each, in ASCII."""
    found: dict[str, None] = {}
    for result in results:
        found[f"{result.title}: {result.diagnosis_reason}."] = None
    for result in results:
        found[
            f"{result.preference}: encoder {result.encoder}, which has seen nothing of "
            f"{result.aligned_at} or later."
        ] = None
    return in_ascii("\n".join(found))


def exchange_rate_sentences(results: Sequence[AisResult], level: float) -> list[str]:
    """Return how the AIS rises with recall, for each way that several encoders were scored in.

    Args:
        results: Results of the same days.
        level: Coverage of the interval, between 0 and 1.
    """
    groups: dict[tuple[str, int, str], list[AisResult]] = {}
    for result in results:
        groups.setdefault((result.way, result.horizon, result.as_of), []).append(result)
    found = []
    for (way, _, as_of), group in groups.items():
        rate = slope(group, level)
        if rate.has_interval:
            found.append(
                f"{as_of}, {way}: over {len(group)} encoders a point of recall comes with "
                f"{signed(rate.value)} of AIS ({interval(rate)}). Recalls are taken as known, and "
                "encoders as independent."
            )
    return found


def _tower(result: AisResult) -> tuple[str, str]:
    """Head and days of leak; lineages have neither."""
    if result.mode == AisMode.LINEAGE:
        return MISSING, MISSING
    return result.head, str(result.horizon)


def _cells(result: AisResult) -> tuple[str, ...]:
    recall = MISSING if result.recall != result.recall else f"{result.recall:.3f}"
    return (
        result.as_of,
        result.preference,
        result.mode,
        *_tower(result),
        signed(result.ais),
        interval(result.ais_estimate),
        share_interval(result.realised_estimate),
        signed(result.lis),
        signed(result.alignment_gain),
        signed(result.unaligned_content),
        signed(result.ais_placebo),
        recall,
        result.diagnosis,
    )
