"""Balancing items by their metadata entries, so that common subjects do not crowd out rare ones.

An item is kept with probability p = 1 - Π (1 - min(1, t / items of the entry)) over its entries,
where t is the option ``balance``: the idea of MetaCLIP (arXiv 2309.16671). An entry that more than
t items match keeps about t of them; an item of a rare entry is always kept.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.alignment.curation.curation_facts import EntryBalance, EntryKind
from jobs.alignment.split import Split
from jobs.lake.folds import HASH_DIGITS, HASH_RANGE
from jobs.scenarios import Scenario

TOP_ENTRIES = 50


def keep_probabilities(entries: DataFrame, balance: int) -> DataFrame:
    """Compute the probability with which each item is kept.

    Args:
        entries: ``item_id`` and ``items``, the number of items that match the entry.
        balance: t, the matches of an entry from which its items are thinned out.

    Returns:
        ``item_id`` and ``keep_probability`` of each item with an entry.
    """
    # In the order of the counts, so that the last bits do not depend on the order of the rows.
    counts = F.sort_array(F.collect_list("items"))
    share_lost = F.aggregate(
        counts,
        F.lit(1.0),
        lambda product, items: product * (1 - F.least(F.lit(1.0), F.lit(float(balance)) / items)),
    )
    return entries.groupBy("item_id").agg((1 - share_lost).alias("keep_probability"))


def is_kept(scenario: Scenario) -> Column:
    """Whether an item with ``item_id`` and ``keep_probability`` is kept: the same on every run."""
    return _share(scenario, "keep") < F.col("keep_probability")


def split_of(scenario: Scenario) -> Column:
    """The split of an ``item_id``: the same on every day and for every kind of preference data."""
    is_validation = _share(scenario, "split") < scenario.alignment.curation.validation
    return F.when(is_validation, Split.VALIDATION.value).otherwise(Split.TRAIN.value)


def top_entries(entries: DataFrame, kept: DataFrame) -> tuple[EntryBalance, ...]:
    """Count the items of the most frequent entries, before and after items are thinned out.

    Args:
        entries: ``item_id``, ``kind`` and ``name``.
        kept: ``item_id`` of the items that are kept.
    """
    flagged = entries.join(kept.select("item_id", F.lit(1).alias("is_kept")), "item_id", "left")
    counted = flagged.groupBy("kind", "name").agg(
        F.count("*").alias("before"), F.count("is_kept").alias("after")
    )
    rows = counted.orderBy(F.desc("before"), "kind", "name").limit(TOP_ENTRIES).collect()
    return tuple(EntryBalance(EntryKind(one.kind), one.name, one.before, one.after) for one in rows)


def _share(scenario: Scenario, purpose: str) -> Column:
    """A number in [0, 1) from the first 32 bits of MD5 of ``<scenario>/<purpose>/<item_id>``."""
    text = F.concat(F.lit(f"{scenario.name}/{purpose}/"), F.col("item_id").cast("string"))
    digits = F.conv(F.substring(F.md5(text), 1, HASH_DIGITS), 16, 10).cast("bigint")
    return digits / F.lit(float(HASH_RANGE))
