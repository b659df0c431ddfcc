"""Balancing of items by their metadata entries with plain loops: slow, and independent of Spark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import md5
from itertools import pairwise

Entry = tuple[str, str]
Item = Mapping[str, str | None]


def entries_of(item: Item, frequent: set[Entry]) -> set[Entry]:
    """The metadata entries of an item, of which words and pairs of words must be frequent."""
    words = _words(item)
    found = {("category", name) for name in _categories(item)}
    found |= {("word", word) for word in words} & frequent
    found |= {("pair of words", " ".join(two)) for two in pairwise(words)} & frequent
    return found


def frequent_words(items: Sequence[Item], least: int) -> set[Entry]:
    """The words and pairs of words that at least this many items have."""
    counts: Counter[Entry] = Counter()
    for item in items:
        words = _words(item)
        counts.update({("word", word) for word in words})
        counts.update({("pair of words", " ".join(two)) for two in pairwise(words)})
    return {entry for entry, count in counts.items() if count >= least}


def keep_probabilities(
    items: Mapping[int, Item], balance: int, least: int
) -> tuple[dict[int, float], Counter[Entry]]:
    """The probability of each item that matches an entry, and the items of each entry."""
    frequent = frequent_words(list(items.values()), least)
    matches = {key: entries_of(item, frequent) for key, item in items.items()}
    counts = Counter(entry for found in matches.values() for entry in found)
    probabilities = {}
    for key, found in matches.items():
        lost = 1.0
        for count in sorted(counts[entry] for entry in found):
            lost *= 1 - min(1.0, balance / count)
        if found:
            probabilities[key] = 1 - lost
    return probabilities, counts


def share(scenario: str, purpose: str, item: int) -> float:
    """A number in [0, 1) that depends on the item alone."""
    digest = md5(f"{scenario}/{purpose}/{item}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) / 16**8


def _words(item: Item) -> list[str]:
    texts = [item["title"], item["text"]]
    named = next((text for text in texts if text and text.strip(" ")), "")
    return [word for word in re.split(r"[\W_]+", named.lower()) if word]


def _categories(item: Item) -> set[str]:
    parts = re.split(r"[|,;]", (item["category"] or "").lower())
    return {part.strip(" ") for part in parts} - {""}
