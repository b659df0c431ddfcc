"""The options that the stages of alignment share, and the alignments that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError
from jobs.common.options import names, option
from jobs.preference import PreferenceKind, preference_kind, preference_kinds
from jobs.scenarios import AUTO, ITEM, Scenario

if TYPE_CHECKING:
    from jobs.lake import Lake


def _day_or_none(text: str) -> date | None:
    return parse_day(text) if text else None


@dataclass(frozen=True)
class AlignmentRequest:
    """Encoders to align, each on one kind of preference data, and the days that they are for.

    Attributes:
        kinds: The kinds of preference data.
        days: Evaluation days T.
        aligned_at: Day S: an encoder knows what was there before its start.
    """

    kinds: tuple[PreferenceKind, ...]
    days: DayRange
    aligned_at: date


def alignment_kinds(scenario: Scenario, wanted: Sequence[str]) -> tuple[PreferenceKind, ...]:
    """Look up kinds of preference data, each once.

    An encoder reads items, so the slot whose embeddings are ``id_embedding`` is that of items where
    the scenario leaves the choice open.

    Raises:
        InputError: If a kind does not exist.
    """
    chosen = scenario.model_copy(update={"slot": ITEM}) if scenario.slot == AUTO else scenario
    return tuple(preference_kind(name, chosen) for name in dict.fromkeys(wanted))


@dataclass(frozen=True, kw_only=True)
class AlignmentRequestOptions:
    """What is aligned, and the days that it is for."""

    as_of: DayRange | None = option(
        DayRange.parse, "evaluation day, or first:last to pool", metavar="T[:T2]"
    )
    preference: tuple[str, ...] | None = option(
        names,
        "kinds of preference data, such as id_embedding (default: the scenario's)",
        values=lambda: (kind.name for kind in preference_kinds()),
    )
    # The form of a DAG leaves it empty.
    aligned_at: date | None = option(
        _day_or_none,
        "day before whose start all lies that the encoder knows (default: the first day of the fit "
        "window of the first evaluation day)",
    )

    def request(self, lake: Lake, scenario: Scenario) -> AlignmentRequest:
        """Look up the kinds of preference data and the alignment day.

        Raises:
            InputError: If no evaluation day is given, a kind does not exist, the alignment day is
                not before the evaluation days, or no day before them has a ranker.
        """
        from jobs.alignment.alignment_day import alignment_day

        if self.as_of is None:
            raise InputError("no evaluation day is given: add --as-of T[:T2]")
        kinds = alignment_kinds(scenario, self.preference or scenario.preferences)
        aligned_at = self.aligned_at or alignment_day(lake, scenario, self.as_of.first)
        if aligned_at >= self.as_of.first:
            raise InputError(
                f"aligned at {aligned_at}: the encoder must be older than the first evaluation day "
                f"{self.as_of.first}, for rankers are fitted to the days between; give an earlier "
                "--aligned-at"
            )
        return AlignmentRequest(kinds, self.as_of, aligned_at)
