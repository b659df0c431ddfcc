"""The options of stages and commands that score, and how they become requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.common.options import horizons, names, option, positive
from jobs.preference import preference_kinds
from jobs.preference.kinds.id_embedding import ID_EMBEDDING
from jobs.scenarios import AUTO, Mode, Scenario
from jobs.stages.request import DueScores, ScoreRequest, parse_due, parse_mode, requested_kinds

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


def parse_modes(text: str) -> tuple[Mode, ...]:
    """Read modes with commas between them.

    Raises:
        InputError: If there is none of a name.
    """
    return tuple(parse_mode(name) for name in names(text))


@dataclass(frozen=True, kw_only=True)
class LeakOptions:
    """What is leaked, and how the leak is scored."""

    horizons: tuple[int, ...] | None = option(
        horizons, "days of leak, such as 7,30 (default: the scenario's)"
    )
    preference: tuple[str, ...] | None = option(
        names,
        "kinds of preference data, such as id_embedding,next_click (default: the scenario's; "
        "`preference list` shows all)",
        values=lambda: (kind.name for kind in preference_kinds()),
    )
    mode: tuple[Mode, ...] | None = option(
        parse_modes,
        "swap: the embedding table of T+n in the ranker of T, nothing is trained; probe: small "
        "towers on the frozen ranker, with and without the leak; retrain: whole rankers, with and "
        "without the leak. With several, such as swap,probe, each kind is scored in those that it "
        "allows (default: the scenario's)",
        values=lambda: Mode,
    )
    slot: str | None = option(
        str,
        "embedding slot that id_embedding leaks: item_id, user_id, a context field, or auto for "
        "the one that the ranker relies on most (default: the scenario's)",
    )
    seeds: int | None = option(
        positive, "retrain mode: rankers trained and averaged (default: the scenario's)"
    )

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The scenario with the slot and the number of seeds that these options choose.

        Raises:
            InputError: If the ranker does not have the slot.
        """
        changes: dict[str, object] = {}
        if self.seeds is not None:
            changes["retrain"] = scenario.retrain.model_copy(update={"seeds": self.seeds})
        if self.slot is not None:
            changes["slot"] = self.slot
            try:
                scenario.check_slot(self.slot)
            except ValueError as error:
                raise InputError(f"--slot: {error}") from error
        return scenario.model_copy(update=changes)

    def request(
        self, lake: Lake, scenario: Scenario, days: DayRange, horizons: tuple[int, ...] | None
    ) -> ScoreRequest:
        """The request for scores on some days.

        Args:
            lake: Tells which slot the ranker relies on most, if the slot is ``auto``.
            scenario: As ``applied_to`` gives it.
            days: Evaluation days.
            horizons: Days of leak; None for the scenario's.

        Raises:
            InputError: If a kind does not exist or allows none of the modes, or no slot can be
                chosen.
        """
        preferences = self.preference or scenario.preferences
        if ID_EMBEDDING in preferences:
            scenario = _with_slot(lake, scenario, days.first)
        kinds = requested_kinds(scenario, preferences, self.mode or scenario.modes)
        return ScoreRequest(scenario, DueScores(days, horizons or scenario.horizons), kinds)


@dataclass(frozen=True, kw_only=True)
class DueOptions(LeakOptions):
    """Leaks on one range of days, or the ones that are due on different days."""

    as_of: DayRange | None = option(
        DayRange.parse, "evaluation day, or first:last to pool", metavar="T[:T2]"
    )
    due: tuple[DueScores, ...] | None = option(
        parse_due,
        "horizons and their days, such as 7@2026-01-24,30@2026-01-01, instead of --as-of and "
        "--horizons",
    )

    def requests(self, lake: Lake, scenario: Scenario) -> list[ScoreRequest]:
        """One request for each set of days.

        Raises:
            InputError: If no days are given, or for a reason of ``request``.
        """
        if self.due is not None:
            return [self.request(lake, scenario, one.days, one.horizons) for one in self.due]
        if self.as_of is None:
            raise InputError("no evaluation day is given: add --as-of T[:T2], or --due")
        return [self.request(lake, scenario, self.as_of, self.horizons)]


def _with_slot(lake: Lake, scenario: Scenario, as_of: date) -> Scenario:
    """The scenario with ``slot: auto`` replaced by the slot that the ranker relies on most.

    Raises:
        InputError: If no held-out row tells, or the ranker names slots that it does not have.
    """
    if scenario.slot != AUTO:
        return scenario
    from jobs.lis.slot_importance.importance import slot_importances
    from jobs.ranker.model.custom_network import leakable_slots

    leakable = leakable_slots(scenario)
    found = [one for one in slot_importances(lake, scenario, as_of) if one.slot in leakable]
    log.info(
        "%s: slot auto leaks %s (AUC lost without it: %s)",
        scenario.name,
        found[0].slot,
        ", ".join(f"{one.slot} {one.importance:.4f}" for one in found),
    )
    return scenario.model_copy(update={"slot": found[0].slot})
