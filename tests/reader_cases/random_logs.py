"""Random small logs: dialects, types, orders of columns, nulls, clocks, labels, paths, mistakes."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
_FIRST = datetime(2026, 3, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_WORDS = (r"\N", "NULL", "nan", "None", "", " NULL ")
_NAMES = ("part-0", "part [1]", "a b", "t=00:00:00", "50%25 #2", "écrit", "x{y}*?", "'q'")
_TEXTS = (
    "plain",
    "",
    "a,b",
    'say "so"',
    "two\nlines",
    "tab\there",
    "été",
    "::",
    "x\r\ny",
    "5; 6|7",
)
_USERS = ("u1", "u-2", "007", "7", "7e0", " u1", "ü", "a,b", 'q"q', "u\nv", "1e5", "-3", "12")


@dataclass(frozen=True)
class RandomLog:
    """A log that has been written.

    source: options as in a scenario. context: its fields. paths: the files, sorted.
    """

    seed: int
    source: dict[str, Any]
    context: tuple[str, ...]
    paths: tuple[Path, ...]


def write_random_log(seed: int, raw: Path) -> RandomLog:
    """Write the log of a seed into a folder."""
    draw = random.Random(seed)
    is_csv = draw.random() < 0.5
    source = _source(draw, is_csv)
    files = draw.choice((1, 1, 2, 3))
    drawn = [
        _rows(draw, source, draw.choice((0, 1, 6, 6, 9, 9, 12, 16)), day) for day in range(files)
    ]
    raw.mkdir(parents=True, exist_ok=True)
    paths = []
    write = _write_csv if is_csv else _write_parquet
    style = _style(draw, source)
    for number, rows in enumerate(drawn):
        name = f"{number} {draw.choice(_NAMES)}"
        day = (_FIRST + timedelta(days=number)).date().isoformat()
        folder = raw / source["path"].replace("{ds}", day)
        folder.mkdir(exist_ok=True)
        paths.append(write(draw, source, style, rows, folder / name.strip()))
    if draw.random() < 0.1:
        (folder / "9 empty").write_bytes(b"")
        paths.append(folder / "9 empty")
    (folder / "_SUCCESS").write_bytes(b"")
    return RandomLog(seed, source, tuple(source["columns"]["context"]), tuple(sorted(paths)))


def _source(draw: random.Random, is_csv: bool) -> dict[str, Any]:
    has_header = not is_csv or draw.random() < 0.8
    roles = ["user_id", "item_id", "ts", "label", "place", "size"]
    if draw.random() < 0.3:
        roles.append("impression_id")
    names: dict[str, Any] = {
        role: f"{role} of it" if draw.random() < 0.2 else role for role in roles
    }
    if not has_header:
        names = {role: position for position, role in enumerate(roles)}
    context = {role: names.pop(role) for role in ("place", "size")}
    form: dict[str, Any] = {"kind": "csv" if is_csv else "parquet"}
    if is_csv:
        form |= {
            "header": has_header,
            "delimiter": draw.choice((",", ",", "\t", ";", "|", "::", "\x01")),
        }
        form["encoding"] = draw.choice(("utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "cp1252"))
    label = draw.choice(
        ({}, {}, {"at_least": 3}, {"equals": 1}, {"equals": "click"}, {"equals": "1"})
    )
    return {
        "reader": "table",
        "path": draw.choice(("log", "my log", "log [a]", "d=1%3A2", "ds={ds}", "x ds={ds} #1")),
        "format": form,
        "columns": {**names, "context": context},
        "ids": draw.choice(("string", "string", "int64")),
        "ts_unit": draw.choice(("timestamp", "timestamp", "s", "ms", "us", "ns")),
        "label": label,
    }


def _rows(draw: random.Random, source: dict[str, Any], count: int, day: int) -> list[Row]:
    """Plain values by role: ids as text or whole numbers, ``ts`` as a moment, None for a null."""
    return [_row(draw, source, day) for _ in range(count)]


def _row(draw: random.Random, source: dict[str, Any], day: int) -> Row:
    is_int = source["ids"] == "int64"
    if "{ds}" in source["path"] and draw.random() < 0.03:
        day += 1
    at = _FIRST + timedelta(days=day, seconds=draw.randrange(86_400))
    if draw.random() < 0.3:
        at += timedelta(milliseconds=500)
    row: Row = {
        "user_id": draw.randrange(50) if is_int else draw.choice(_USERS),
        "item_id": draw.choice((2**40 + 1, 5, 7, 1)) if is_int else f"i{draw.randrange(30)}",
        "ts": at,
        "label": int(draw.random() < 0.4),
        "place": draw.choice(("feed", "mail", "x, y", None)),
        "size": draw.choice((1, 2, 30)),
    }
    if "impression_id" in source["columns"]:
        row["impression_id"] = draw.getrandbits(40)
    for role in ("user_id", "item_id", "label", "ts", "size"):
        if draw.random() < 0.03:
            row[role] = None
    return row


def _style(draw: random.Random, source: dict[str, Any]) -> dict[str, Any]:
    """What all files of a log have in common, as one tool has written them."""
    return {
        "time": draw.choice(("blank", "t", "z", "offset", "fraction")),
        "types": draw.choice(("plain", "plain", "wide", "float", "coded", "text")),
        "zone": draw.choice((None, "UTC", "Asia/Kolkata")),
        "fault": draw.choice(
            (None,) * 12 + ("type", "missing", "twin", "fraction", "large", "decimal")
        ),
        "clock": draw.choice((None,) * 8 + ("zero", "far", "no day")),
        "label": draw.choice((None,) * 8 + ("two", "word")),
        "ends": draw.choice(("\n", "\n", "\r\n", "\r")),
        "quoting": draw.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)),
        "packed": draw.choice(("", "", "", ".gz", ".bz2", ".zst", ".lz4", ".xz", ".zip"))
        if draw.random() < 0.4
        else "",
    }


def _columns(
    draw: random.Random, source: dict[str, Any], style: dict[str, Any]
) -> tuple[list[str], list[str]]:
    """Roles in the order of a file's columns, and their names; other roles are unmapped."""
    mapped = {**source["columns"], **source["columns"]["context"]}
    del mapped["context"]
    roles = list(mapped)
    if all(isinstance(name, int) for name in mapped.values()):
        roles.sort(key=lambda role: mapped[role])
        roles += ["extra"] * draw.randrange(2)
    else:
        roles += ["extra", "other"][: draw.randrange(3)]
        if draw.random() < 0.5:
            draw.shuffle(roles)
    names = [str(mapped.get(role, role)) for role in roles]
    if style["fault"] == "missing" and draw.random() < 0.5:
        names[draw.randrange(len(names))] = "else"
    if style["fault"] == "twin" and draw.random() < 0.5:
        roles, names = [*roles, "extra"], [*names, draw.choice(names)]
    return roles, names


def _cell(draw: random.Random, role: str, value: Any, style: dict[str, Any]) -> Any:
    """A value with the mistakes of its log in some rows."""
    if role in ("extra", "other"):
        return draw.choice(_TEXTS)
    if role == "label" and style["label"] and draw.random() < 0.2:
        return 2 if style["label"] == "two" else -1
    if role == "ts" and style["clock"] == "zero" and draw.random() < 0.1:
        return _EPOCH
    if role == "ts" and style["clock"] == "far" and draw.random() < 0.1:
        return datetime(2150, 1, 1, tzinfo=UTC)
    return value


# CSV


def _write_csv(
    draw: random.Random, source: dict[str, Any], style: dict[str, Any], rows: list[Row], path: Path
) -> Path:
    form = source["format"]
    roles, names = _columns(draw, source, style)
    records = [
        [
            _csv_text(draw, source, style, role, _cell(draw, role, row.get(role), style))
            for role in roles
        ]
        for row in rows
    ]
    if draw.random() < 0.1 and records:
        records[draw.randrange(len(records))].append("more")
    if draw.random() < 0.1 and records:
        records[draw.randrange(len(records))].pop()
    stream = io.StringIO()
    stand_in = form["delimiter"] if len(form["delimiter"]) == 1 else "\x1f"
    writer = csv.writer(
        stream, delimiter=stand_in, lineterminator=style["ends"], quoting=style["quoting"]
    )
    writer.writerows([names, *records] if form["header"] else records)
    text = stream.getvalue().replace(stand_in, form["delimiter"])
    if draw.random() < 0.2:
        text = text.rstrip("\r\n")
    content = text.encode(form["encoding"], errors="replace")
    if form["encoding"] == "utf-8" and draw.random() < 0.2:
        content = b"\xef\xbb\xbf" + content
    if form["encoding"] == "utf-8" and draw.random() < 0.05:
        content = text.encode("latin-1", errors="replace")
    packed = path.with_name(path.name + ".csv" + style["packed"])
    packed.write_bytes(_packed(content, style["packed"]))
    return packed


def _csv_text(
    draw: random.Random, source: dict[str, Any], style: dict[str, Any], role: str, value: Any
) -> Any:
    if value is None:
        return draw.choice(_WORDS)
    if role == "ts":
        return _time_text(draw, source["ts_unit"], style, value)
    if role == "label" and isinstance(source["label"].get("equals"), str):
        return {1: source["label"]["equals"]}.get(value, "view")
    if role == "label" and "at_least" in source["label"]:
        return ("2.5", "3")[value] if value in (0, 1) else str(value)
    if role == "label" and style["types"] == "float":
        return float(value)
    if role == "user_id" and draw.random() < 0.02:
        return draw.choice(("12.7", "9223372036854775808", "+5", "0x1f"))
    return value


def _time_text(draw: random.Random, unit: str, style: dict[str, Any], at: datetime) -> str:
    if unit != "timestamp":
        number = Decimal((at - _EPOCH) // timedelta(milliseconds=1)) * _PER_SECOND[unit] / 1000
        return f"{number:f}"
    if style["clock"] == "no day" and draw.random() < 0.2:
        return draw.choice(("soon", "2026-02-30 10:00:00", "2026-03-02 25:00:00", "10:00:00"))
    forms = {
        "blank": f"{at:%Y-%m-%d %H:%M:%S}",
        "t": f"{at:%Y-%m-%dT%H:%M:%S}",
        "z": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "offset": f"{at + timedelta(hours=5, minutes=30):%Y-%m-%d %H:%M:%S}+05:30",
        "fraction": f"{at:%Y-%m-%d %H:%M:%S.%f}"[:23],
    }
    return forms[style["time"]]


def _packed(content: bytes, ending: str) -> bytes:
    if ending == ".gz":
        return gzip.compress(content, mtime=0)
    if ending == ".bz2":
        return bz2.compress(content)
    if ending in (".zst", ".lz4"):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, {".zst": "zstd", ".lz4": "lz4"}[ending]) as stream:
            stream.write(content)
        return bytes(sink.getvalue())
    return content


# Parquet


def _write_parquet(
    draw: random.Random, source: dict[str, Any], style: dict[str, Any], rows: list[Row], path: Path
) -> Path:
    roles, names = _columns(draw, source, style)
    arrays = []
    for role in roles:
        values = [_cell(draw, role, row.get(role), style) for row in rows]
        arrays.append(_array(draw, source, style, role, values))
    content = pa.Table.from_arrays(arrays, names=names)
    packed = path.with_name(f"{path.name}.parquet")
    pq.write_table(content, packed, compression=draw.choice(("snappy", "zstd", "brotli", "none")))
    return packed


def _array(
    draw: random.Random,
    source: dict[str, Any],
    style: dict[str, Any],
    role: str,
    values: list[Any],
) -> pa.Array:
    if role == "extra":
        return draw.choice((pa.array(values), pa.nulls(len(values), pa.time64("us"))))
    if role == "ts":
        return _times(draw, source["ts_unit"], style, values)
    if role == "label":
        return _labels(draw, source["label"], values)
    if role in ("user_id", "item_id", "impression_id"):
        return _ids(draw, source, style, role, values)
    if role == "size":
        kind = (
            draw.choice((pa.int32(), pa.int64(), pa.float64()))
            if style["types"] == "wide"
            else None
        )
        return pa.array(values, pa.int64() if kind is None else kind)
    texts = draw.choice((pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())))
    return pa.array(values, texts)


def _ids(
    draw: random.Random, source: dict[str, Any], style: dict[str, Any], role: str, values: list[Any]
) -> pa.Array:
    has_fault = role == "user_id" and draw.random() < 0.7
    if has_fault and style["fault"] == "fraction":
        return pa.array([draw.choice((3.7, 5.0, None)) for _ in values], pa.float64())
    if has_fault and style["fault"] == "large":
        kind = draw.choice((pa.float32(), pa.float64()))
        return pa.array([draw.choice((2.0**60, 2.0**24, 5.0, 2.0**53 - 1)) for _ in values], kind)
    if has_fault and style["fault"] == "decimal":
        kind = draw.choice((pa.decimal128(5, 2), pa.bool_(), pa.list_(pa.int64()), pa.date32()))
        return pa.nulls(len(values), kind)
    is_text = source["ids"] == "string" and style["types"] != "float" and role != "impression_id"
    if has_fault and style["fault"] == "type":
        is_text = not is_text
    if is_text:
        # Some tools write a word for a null into text.
        words = [v if v is None or draw.random() > 0.02 else draw.choice(_WORDS) for v in values]
        texts = [None if word is None else str(word) for word in words]
        kinds = (pa.string(), pa.large_string(), pa.string_view(), pa.binary())
        kind = draw.choice(kinds) if style["types"] == "wide" else pa.string()
        if style["types"] == "coded" and draw.random() < 0.7:
            kind = pa.dictionary(pa.int16(), pa.string())
        return pa.array(texts, kind)
    numbers = [v if v is None or isinstance(v, int) else abs(hash_of(str(v))) for v in values]
    if style["types"] in ("float", "wide"):
        kind = draw.choice((pa.float64(), pa.int64()))
        return pa.array([n if n is None or kind == pa.int64() else float(n) for n in numbers], kind)
    return pa.array(numbers, pa.int64())


def hash_of(text: str) -> int:
    """A small whole number of a text, the same in every process."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(text)) % 10**9


def _times(draw: random.Random, unit: str, style: dict[str, Any], values: list[Any]) -> pa.Array:
    if style["types"] == "text":
        texts = [None if at is None else _time_text(draw, unit, style, at) for at in values]
        return pa.array(texts, pa.string())
    if style["fault"] == "type" and draw.random() < 0.3:
        return pa.array(range(len(values)), pa.duration("s"))
    if unit == "timestamp":
        stored = draw.choice(("ns", "us", "ms"))
        naive = [at if at is None or style["zone"] else at.replace(tzinfo=None) for at in values]
        return pa.array(naive, pa.timestamp(stored, style["zone"]))
    millis = [None if at is None else (at - _EPOCH) // timedelta(milliseconds=1) for at in values]
    numbers = [None if n is None else n * _PER_SECOND[unit] / 1000 for n in millis]
    if style["types"] == "float" and unit in ("s", "ms"):
        return pa.array(numbers, pa.float64())
    return pa.array(
        [None if n is None else n * _PER_SECOND[unit] // 1000 for n in millis], pa.int64()
    )


def _labels(draw: random.Random, rule: dict[str, Any], values: list[Any]) -> pa.Array:
    if rule.get("equals") == "click":
        words = {None: None, 1: "click", 0: "view"}
        return pa.array([words.get(value, "other") for value in values], pa.string())
    if "at_least" in rule:
        stars = {None: None, 1: 4, 0: 1}
        kind = draw.choice((pa.int8(), pa.float32(), pa.int64()))
        return pa.array([stars.get(value, value) for value in values], kind)
    return pa.array(values, draw.choice((pa.int8(), pa.int32(), pa.int64(), pa.float64())))
