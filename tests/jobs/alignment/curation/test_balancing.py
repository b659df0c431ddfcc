"""Spark finds the entries and the probabilities that plain loops find."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from jobs.alignment.curation.balancing import keep_probabilities
from jobs.alignment.curation.metadata_entries import FREQUENT, metadata_entries, names_of_entries
from tests.oracles import balancing as oracle

SEPARATORS = [" ", "  ", ", ", "-", ". "]
WORDS = st.lists(st.sampled_from(["Tale", "tale", "of", "Été", "42", "x", "京"]), max_size=4)
TITLES = st.none() | st.builds(str.join, st.sampled_from(SEPARATORS), WORDS)
NAMES = st.lists(st.sampled_from(["Drama", "drama", "War film", " News ", ""]), max_size=3)
CATEGORIES = st.none() | st.builds(str.join, st.sampled_from(["|", ", ", ";"]), NAMES)
ITEM = st.fixed_dictionaries({"title": TITLES, "text": TITLES, "category": CATEGORIES})


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(listed=st.lists(ITEM, min_size=40, max_size=80), balance=st.integers(1, 30))
def test_entries_and_probabilities_are_those_of_plain_loops(
    spark: SparkSession, listed: list[oracle.Item], balance: int
) -> None:
    rows = [(i, one["title"], one["text"], one["category"]) for i, one in enumerate(listed)]
    items = spark.createDataFrame(rows, "item_id long, title string, text string, category string")
    entries = metadata_entries(items.select("item_id", names_of_entries().alias("names")))
    found = entries.join(keep_probabilities(entries, balance), "item_id").collect()
    expected, counts = oracle.keep_probabilities(dict(enumerate(listed)), balance, FREQUENT)
    assert {row.item_id: row.keep_probability for row in found} == expected
    assert {(row.kind, row.name): row["items"] for row in found} == dict(counts)
    assert len(found) == sum(counts.values())
