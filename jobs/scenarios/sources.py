"""Options of a feed's log: where it comes from, and how its columns are mapped."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from jobs.scenarios.base import Frozen, without_empty

IdType = Literal["string", "int64"]
Column = str | int
TimeUnit = Literal["s", "ms", "us", "ns", "timestamp"]

NULL_WORDS = (r"\N", "NULL", "null", "None", "nan", "NaN", "<NA>", "NaT")
"""What databases, Hive and pandas write for a missing value in text."""


VECTOR = "vector"
"""Name of the vectors that ``source.items.vector`` maps."""
_ITEM_COLUMNS = {"item_id", "first_seen", "title", "text", "category", "image", VECTOR, "ds"}
_ITEM_COLUMNS |= {"refusal", "added"}
"""Names that further vectors cannot have: of columns, and of what lineages of an AIS add."""


class LabelRule(Frozen):
    """How the label column becomes 0 or 1. Without a rule, the column must hold 0 or 1."""

    at_least: float | None = Field(None, description="label 1 where the value is this or more")
    equals: str | float | None = Field(None, description="label 1 where the value equals this")

    @model_validator(mode="after")
    def _one_rule(self) -> LabelRule:
        if self.at_least is not None and self.equals is not None:
            raise ValueError("give either at_least or equals, not both")
        return self


class CsvFormat(Frozen):
    """Delimited text as in RFC 4180; .gz, .bz2, .zst, .lz4 and .br files are unpacked."""

    kind: Literal["csv"] = Field("csv", description="selects this format")
    delimiter: str = Field(
        ",", min_length=1, description="separator of columns; may be several characters"
    )
    header: bool = Field(
        True,
        description="whether the first line has column names; if not, columns are positions from 0",
    )
    quote: str = Field(
        '"',
        max_length=1,
        description="character around values that hold a delimiter or a line break; twice within "
        "one it stands for itself; '' if quotes have no meaning",
    )
    escape: str = Field(
        "",
        max_length=1,
        description="character that takes the meaning from the next one, such as the backslash "
        "that Spark writes before quotes",
    )
    encoding: str = Field("utf-8", description="encoding of the text, such as latin-1 or utf-16")

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "a".encode(value)
        except (LookupError, UnicodeError) as error:
            raise ValueError(
                "is no encoding of text: use one such as utf-8, latin-1 or utf-16"
            ) from error
        return value

    @field_validator("quote", "escape")
    @classmethod
    def _ascii(cls, value: str) -> str:
        if not value.isascii() or value in ("\0", "\r", "\n"):
            raise ValueError("must be a printable character of ASCII")
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if any(character in value for character in '\r\n"'):
            raise ValueError("must not hold a line break or a quote")
        return value


class ParquetFormat(Frozen):
    """Parquet files, or folders of them."""

    kind: Literal["parquet"] = Field("parquet", description="selects this format")


class ImpressionColumns(Frozen):
    """Columns of the log by role: names, or positions from 0 in a CSV file without header."""

    user_id: Column = Field(description="column with the user's id")
    item_id: Column = Field(description="column with the item's id")
    ts: Column = Field(description="column with the time of the impression")
    label: Column = Field(description="column that the label is made from, see label")
    impression_id: Column | None = Field(
        None, description="column with a unique id (default: derived from user, item and ts)"
    )
    context: dict[str, Column] = Field(
        default_factory=dict, description="columns by context field, read as text"
    )


class VectorColumn(Frozen):
    """Further vectors of items, such as those of an aligned encoder."""

    column: Column = Field(description="column with a list of numbers (Parquet only)")
    known_from: date | None = Field(
        None,
        description="day before which rankers do not read them, such as that of an alignment",
    )


class ItemColumns(Frozen):
    """The item file and its columns by role."""

    path: str = Field(description="file or folder, below the raw path")
    item_id: Column = Field(description="column with the item's id")
    title: Column | None = Field(None, description="column with the title")
    category: Column | None = Field(None, description="column with the category")
    text: Column | None = Field(None, description="column with further text")
    image: Column | None = Field(
        None, description="column with the path of a picture, below the raw path, or its URI"
    )
    vector: Column | None = Field(None, description="column with a list of numbers (Parquet only)")
    vectors: dict[str, VectorColumn] = Field(
        default_factory=dict,
        description="further vectors, for ranker.dense_features: NAME: {column: COLUMN, "
        "known_from: DAY}, where rankers of days before DAY, if there is one, do not read them",
    )

    @field_validator("vectors")
    @classmethod
    def _names(cls, value: dict[str, VectorColumn]) -> dict[str, VectorColumn]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _ITEM_COLUMNS:
                raise ValueError(
                    f"{name!r} cannot be the name of vectors: use lower-case letters, digits and "
                    f"_, and none of {', '.join(sorted(_ITEM_COLUMNS))}"
                )
        return value

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without further vectors as before there were any: what digests cover stays the same."""
        return without_empty(handler(self), "vectors")


class TableSource(Frozen):
    """A log in Parquet or CSV, on a local path or in object storage."""

    reader: Literal["table"] = Field("table", description="selects this source")
    path: str = Field(
        "",
        description="file or folder, below the raw path; '{ds}' stands for the day of a log with "
        "one path per day",
    )
    format: Annotated[CsvFormat | ParquetFormat, Field(discriminator="kind")] = Field(
        ParquetFormat(), description="format of the files"
    )
    columns: ImpressionColumns = Field(description="columns of the log by role")
    ids: IdType = Field("string", description="type of user and item ids")
    ts_unit: TimeUnit = Field(
        "timestamp", description="unit of a numeric ts; 'timestamp' for dates and ISO text (UTC)"
    )
    ts_format: str | None = Field(
        None,
        description="format of a ts in text that is not ISO, in the codes of Python's strptime, "
        "such as '%d.%m.%Y %H:%M'",
    )
    null_values: tuple[str, ...] = Field(
        NULL_WORDS, description="words in text columns that stand for a missing value"
    )
    label: LabelRule = Field(LabelRule(), description="how the label column becomes 0 or 1")
    items: ItemColumns | None = Field(None, description="the item file, if there is one")
    raw: str | None = Field(
        None, description="path or URI of the log; $VARIABLES are expanded (default: data/raw/NAME)"
    )

    @property
    def item_vectors(self) -> tuple[str, ...]:
        """Names of the vectors that items come with, which are columns of the table ``items``."""
        if self.items is None:
            return ()
        return (*((VECTOR,) if self.items.vector is not None else ()), *self.items.vectors)

    def known_from(self, vectors: str) -> date | None:
        """The day from which on the vectors of a name are known; None if they always are."""
        further = {} if self.items is None else self.items.vectors
        return further[vectors].known_from if vectors in further else None

    @model_validator(mode="after")
    def _format_of_text(self) -> TableSource:
        if self.ts_format is not None and self.ts_unit != "timestamp":
            raise ValueError("give either ts_format, for text, or ts_unit, for numbers")
        return self


class SimulatedSource(Frozen):
    """The built-in feed simulator. See ``jobs.sources.simulator``."""

    reader: Literal["simulated"] = Field("simulated", description="selects this source")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="options of the simulator, see jobs.sources.simulator.SimulatorOptions",
    )
    raw: str | None = Field(
        None, description="folder of the simulated days (default: data/raw/NAME)"
    )

    @property
    def item_vectors(self) -> tuple[str, ...]:
        """Names of the vectors that items come with."""
        return (VECTOR,)

    def known_from(self, vectors: str) -> date | None:
        """The day from which on the vectors of a name are known: they always are."""
        return None
