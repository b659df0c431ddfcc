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
from jobs.preference.kind import EvalRowsSeen, Mode


# Options are fields with defaults. When one changes, or this file does, the tables are made again.
@dataclass(frozen=True)
class DailyClicks:
    """How many clicks an item had on each of the last days, the newest day first."""

    # As given to --preference: lower-case letters, digits and _.
    name: str = "daily_clicks"
    # One line for: lis preference list
    summary: str = "clicks on the item on each of the last days before n days later"
    # What a row of the table describes: an "item" or an "impression".
    keyed_by: Literal["item"] = "item"
    # What the row says of it: a "vector", in a column ``embedding`` of lists of numbers that are
    # all of one length, or "items", in a column ``items`` of lists of item ids.
    takes: Literal["vector"] = "vector"
    # "swap" puts vectors into the ranker's own item table, so they must be of its item space.
    modes: tuple[Mode, ...] = ("retrain", "probe")
    # Whether labels of held-out rows went into it: "no" for what is made from ``behaviour``.
    eval_rows_seen: EvalRowsSeen = "no"
    days: int = 3

    def build(self, behaviour: Behaviour) -> DataFrame:
        """One row for each day at whose start a table is known (``known_at``) and each item.

        ``behaviour.events`` has the impressions of the lineage fold, ``behaviour.clicks`` the
        clicked ones: impression_id, user_id, item_id, ts, label, and the day ``ds`` as text.
        ``behaviour.windowed`` adds ``known_at``: each row once for every table that may rest on it,
        with a ``ds`` before that day. Whatever else you join must obey this too: a row whose
        ``last_event`` is not before ``known_at`` stops the run, and nothing is published.
        """
        clicks = behaviour.windowed(behaviour.clicks)
        age = F.datediff("known_at", "ds")
        counts = [F.sum((age == day + 1).cast("float")) for day in range(self.days)]
        return clicks.groupBy("known_at", "item_id").agg(
            F.array(*counts).alias("embedding"),
            # How many events are behind the row, and when the newest of them was.
            F.count("*").alias("updates"),
            F.max("ts").alias("last_event"),
        )

    # A kind keyed by impression is built from ``behaviour.asked``, the impressions of the days that
    # are scored. It has the columns as_of, horizon and impression_id, and ``sources``: the
    # impressions that the row was made from, which must be of the lineage fold and not itself.
    #
    # A kind that is made from something else than the log has a second method, ``inputs``, so that
    # its tables are made again when that changes: see ``jobs.preference.behaviour.MadeFromElse``.
