"""Metadata entries that the content of items matches: categories, and frequent words of titles.

As in MetaCLIP (arXiv 2309.16671), entries stand for what items are about, and how many items match
an entry tells how common its subject is. There the entries are a fixed list; here they come from
the items themselves, so that they fit any feed and language.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.alignment.curation.curation_facts import EntryKind

FREQUENT = 5
"""Items that must have a word, or a pair of words, before it is a metadata entry."""

_BETWEEN_CATEGORIES = r"\s*[|,;]\s*"
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"


def names_of_entries() -> Column:
    """What an item with ``title``, ``text`` and ``category`` could match, each name once.

    Categories and tags are separated by ``|``, ``,`` or ``;``. Words are those of the title, or of
    the text where an item has no title; a pair is two words that follow each other. Upper and
    lower case count as one.

    Returns:
        An array of structs of ``kind``, of ``EntryKind``, and ``name``; empty where all is blank.
    """
    categories = F.split(F.trim(F.lower("category")), _BETWEEN_CATEGORIES)
    words = F.filter(F.split(F.lower(_title()), _BETWEEN_WORDS), lambda word: word != "")
    after_first = F.slice(words, 2, F.greatest(F.size(words), F.lit(1)))
    pairs = F.zip_with(words, after_first, lambda one, other: F.concat(one, F.lit(" "), other))
    named = [
        _named(EntryKind.CATEGORY, F.filter(categories, lambda name: name != "")),
        _named(EntryKind.WORD, words),
        _named(EntryKind.PAIR, F.filter(pairs, lambda pair: pair.isNotNull())),
    ]
    return F.array_distinct(F.concat(*named))


def metadata_entries(items: DataFrame) -> DataFrame:
    """Find the metadata entries of items.

    A word or pair is an entry if ``FREQUENT`` items have it, a category always.

    Args:
        items: ``item_id`` and ``names``, which are ``names_of_entries``.

    Returns:
        Each entry of each item once: ``item_id``, ``kind``, ``name`` and ``items``, the number of
        items that match the entry.
    """
    matched = items.select("item_id", F.explode("names").alias("entry")).select(
        "item_id", "entry.*"
    )
    counts = matched.groupBy("kind", "name").agg(F.count("*").alias("items"))
    is_entry = (F.col("kind") == EntryKind.CATEGORY.value) | (F.col("items") >= FREQUENT)
    return matched.join(counts.where(is_entry), ["kind", "name"])


def _title() -> Column:
    """What names an item in words: its title, or its text where it has none; null if neither."""
    return F.coalesce(*[F.when(is_said(name), F.col(name)) for name in ("title", "text")])


def is_said(name: str) -> Column:
    """Whether a column of text is neither null nor blank."""
    return F.col(name).rlike(r"\S")


def _named(kind: EntryKind, names: Column) -> Column:
    """An array of entries of a kind; an empty one if the names are null."""
    entries = F.transform(
        names, lambda name: F.struct(F.lit(kind.value).alias("kind"), name.alias("name"))
    )
    return F.coalesce(entries, F.array().cast("array<struct<kind:string,name:string>>"))
