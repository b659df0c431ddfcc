"""The text of items, for encoders that have a tokenizer of their own."""

from __future__ import annotations

import pyarrow as pa

FIELDS = ("title", "category", "text")
"""Columns with text, the most telling first: where an item has too many words, the last are cut."""


def text_columns(items: pa.Table) -> list[list[str | None]]:
    """The columns of ``FIELDS`` as lists; one that the table lacks is all None."""
    return [
        items[name].to_pylist() if name in items.column_names else [None] * len(items)
        for name in FIELDS
    ]


def item_texts(items: pa.Table) -> list[str]:
    """Title, category and text of each item as one text; empty if it has none of them."""
    return [". ".join(filter(None, texts)) for texts in zip(*text_columns(items), strict=True)]
