"""Text of raw values: context fields, words that stand for a null, and whole rows as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.sources.reading.column_types import as_type, is_text, plain_type

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_AS_TEXT = (
    pa.types.is_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_timestamp,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_null,
)
_CONTROL = [chr(code) for code in range(32) if chr(code) not in _ESCAPES]
_ANY_CONTROL = r"[\x00-\x1f]"


def without_null_words(values: pa.Array, words: Sequence[str]) -> pa.Array:
    """Text with nulls for the words that stand for one; other types are left as they are."""
    is_coded = pa.types.is_dictionary(values.type) and is_text(values.type.value_type)
    if not (is_text(values.type) or is_coded) or not words:
        return values
    text = values.dictionary_decode() if is_coded else values
    if not pa.types.is_string(text.type):
        try:
            text = text.cast(pa.string())
        except pa.ArrowInvalid:
            # Bytes that are no text hold no word; whoever reads the column says so.
            return values
    is_word = pc.is_in(pc.utf8_trim_whitespace(text), pa.array(list(words), pa.string()))
    if not pc.any(is_word).as_py():
        return text
    return pc.if_else(is_word, pa.scalar(None, pa.string()), text)


def check_text_type(kind: pa.DataType, where: str) -> None:
    """Check that a column of a type can be read as text.

    Raises:
        InputError: If it cannot.
    """
    plain = plain_type(kind)
    if not any(is_allowed(plain) for is_allowed in _AS_TEXT):
        raise InputError(f"{where} is {kind}: map a column of text, numbers or dates")


def as_text(values: pa.Array, kind: pa.DataType, where: str) -> pa.Array:
    """Values of any type as text.

    Args:
        values: the values of a file.
        kind: the common type of the column in all files, so that a value has one text in all.
        where: the file and the column, for errors.
    """
    check_text_type(values.type, where)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.string())
    values = as_type(values, kind, where)
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        return pa.array(numbers.astype(str), pa.string(), mask=np.isnan(numbers))
    if pa.types.is_timestamp(values.type):
        text = values.cast(pa.timestamp("us")).cast(pa.string())
        return pc.replace_substring_regex(text, r"\.?0+$", "")
    return values.cast(pa.string())


def rows_as_json(columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Each row as a JSON object without its nulls.

    Args:
        columns: values by name, in the order of the object.
        rows: number of rows.
    """
    pieces = [_members(name, values) for name, values in columns.items()]
    if not pieces:
        return pa.array(["{}"] * rows)
    joined = pc.binary_join_element_wise(*pieces, "")
    return pc.binary_join_element_wise("{", pc.utf8_rtrim(joined, ","), "}", "")


def _members(name: str, values: pa.Array) -> pa.Array:
    key = json.dumps(name, ensure_ascii=False)
    member = pc.binary_join_element_wise(f"{key}:", _json(values), ",", "")
    return pc.fill_null(member, "")


def _json(values: pa.Array) -> pa.Array:
    kind = plain_type(values.type)
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.string())
    if pa.types.is_string(kind) and not pa.types.is_binary(values.type):
        return pc.binary_join_element_wise('"', _escaped(values.cast(pa.string())), '"', "")
    shown = [None if value is None else _dumped(value) for value in values.to_pylist()]
    return pa.array(shown, pa.string())


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _escaped(text: pa.Array) -> pa.Array:
    for character in ("\\", '"'):
        text = pc.replace_substring(text, character, _ESCAPES[character])
    if pc.any(pc.match_substring_regex(text, _ANY_CONTROL)).as_py():
        for character in ("\n", "\r", "\t"):
            text = pc.replace_substring(text, character, _ESCAPES[character])
        for character in _CONTROL:
            text = pc.replace_substring(text, character, f"\\u{ord(character):04x}")
    return text
