"""A custom kind of preference data, to copy and change.

Name it in the scenario's YAML file, with a path that is relative to that file:

    custom_preferences: [preference_template.py:DailyClicks]

If your data is in Parquet already, no code is needed: see preference-data.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour
from jobs.scenarios import EvalRowsSeen, Mode


# Options are fields with defaults. A change of an option, or of the code, rebuilds the tables.
@dataclass(frozen=True)
class DailyClicks:
    """Number of clicks on an item on each of the last days, the newest day first."""

    # As given to --preference: lower-case letters, digits and _.
    name: str = "daily_clicks"
    # One line for: lis preference list
    summary: str = "clicks on the item on each of the last days before n days later"
    # Optional: a noun phrase for reports, "Leaking ... raises held-out AUC by ...", in which {days}
    # stands for the horizon. Without it, reports use the summary.
    phrase: str = "the clicks on the item on each of the last days, up to {days} later"
    # What a row of the table describes: an "item" or an "impression".
    keyed_by: Literal["item"] = "item"
    # The value of a row: a "vector", in a column ``embedding`` of lists of numbers that all have
    # one length, or "items", in a column ``items`` of lists of item ids.
    takes: Literal["vector"] = "vector"
    # "swap" puts vectors into the item table of the ranker, so they must be in its item space.
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    # Whether labels of held-out rows were used: "no" for everything computed from ``behaviour``.
    eval_rows_seen: EvalRowsSeen = "no"
    days: int = 3

    def build(self, behaviour: Behaviour) -> DataFrame:
        """One row for each item and each day ``known_at`` before whose start the data must lie.

        ``behaviour.events`` has the impressions of the lineage fold, ``behaviour.clicks`` the
        clicked ones: impression_id, user_id, item_id, ts, label, and the day ``ds`` as text.
        ``behaviour.windowed`` adds ``known_at``: it repeats each row for every table that may use
        it, and these have a ``known_at`` after ``ds``. The same must hold for all other data that
        is joined: a row whose ``last_event`` is not before ``known_at`` stops the run, and nothing
        is published.
        """
        clicks = behaviour.windowed(behaviour.clicks)
        age = F.datediff("known_at", "ds")
        counts = [F.sum((age == day + 1).cast("float")) for day in range(self.days)]
        return clicks.groupBy("known_at", "item_id").agg(
            F.array(*counts).alias("embedding"),
            # The number of events that the row was computed from, and the time of the newest.
            F.count("*").alias("updates"),
            F.max("ts").alias("last_event"),
        )

    # A kind keyed by impression is computed for ``behaviour.target_impressions``, the impressions
    # of the evaluated days. It has the columns as_of, horizon and impression_id, and ``sources``:
    # the ids of the impressions that a row was computed from. They must be of the lineage fold, and
    # not the impression itself.
    #
    # A kind that is computed from other data than the log has a second method, ``inputs``, so that
    # its tables are rebuilt when that data changes: see ``jobs.preference.kind.KindWithInputs``.
