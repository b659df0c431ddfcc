"""A delimited text file as Arrow batches: RFC 4180, every column as text."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios.sources import CsvFormat
from jobs.sources.reading.raw_file import BATCH_ROWS, MalformedRow, RawBatch
from jobs.sources.reading.text_stream import BLOCK, END, UNDECODED, TextStream, delimiter_of

_HEAD = 1 << 18


class CsvFile:
    """A delimited text file. Without a header, its columns are named ``_c0``, ``_c1`` and so on.

    A file without rows has no columns.

    Args:
        options: the dialect.
        storage: where the file is.
        path: its path there.

    Raises:
        InputError: If the file cannot be read.
    """

    def __init__(self, options: CsvFormat, storage: Storage, path: str) -> None:
        self._options, self._storage, self._path = options, storage, path
        self.name = storage.absolute(path)
        first = self._first_record() if storage.size(path) else ()
        if any("\0" in cell for cell in first):
            raise InputError(
                f"{self.name} is not {options.encoding}: set source.format.encoding, for example "
                "utf-16"
            )
        numbered = tuple(f"_c{position}" for position in range(len(first)))
        self.names = first if options.header else numbered

    @property
    def types(self) -> tuple[pa.DataType, ...]:
        return (pa.string(),) * len(self.names)

    def batches(
        self,
        positions: Sequence[int],
        groups: Sequence[int] | None = None,
        rows: int = BATCH_ROWS,
    ) -> Iterator[RawBatch]:
        """See ``RawFile.batches``."""
        if not self.names:
            return
        is_header, is_whole = self._options.header, False
        pending: list[MalformedRow] = []
        with TextStream(self._options, self._storage, self._path) as stream:
            for batch in self._parsed(stream, sorted({*positions}), pending):
                # The parser runs ahead in another thread, and adds rows meanwhile.
                malformed = pending[:]
                del pending[: len(malformed)]
                if is_header and batch.num_rows:
                    batch, is_header = batch.slice(1), False
                if len(self.names) == 1:
                    is_row = pc.not_equal(batch.column(0), END)
                    is_whole |= not pc.all(is_row, min_count=0).as_py()
                    batch = batch.filter(is_row)
                columns = dict(
                    zip(sorted({*positions}), map(self._restored, batch.columns), strict=True)
                )
                is_whole |= any(row.text == END for row in malformed)
                others = tuple(row for row in malformed if row.text != END)
                yield RawBatch(batch.num_rows, columns, others)
        is_whole |= any(row.text == END for row in pending)
        if not is_whole:
            raise InputError(
                f"{self.name}: a quote is opened and never closed: correct the file, or set "
                "source.format.quote to '' if quotes have no meaning in it"
            )
        if late := tuple(row for row in pending if row.text != END):
            yield RawBatch(0, {position: pa.array([], pa.string()) for position in positions}, late)

    def _first_record(self) -> tuple[str, ...]:
        with TextStream(self._options, self._storage, self._path) as stream:
            head = stream.read(_HEAD)
        read = csv.ReadOptions(
            autogenerate_column_names=True, block_size=2 * _HEAD, use_threads=False
        )
        others: list[MalformedRow] = []
        parse = self._parse_options(others)
        content = head.removeprefix(BOM_UTF8).removesuffix(f"\n{END}\n".encode())
        if not content.strip():
            return ()
        names = csv.read_csv(pa.BufferReader(head), read, parse).column_names
        others.clear()
        bytes_only = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()))
        table = csv.read_csv(pa.BufferReader(content + b"\n"), read, parse, bytes_only)
        if self._options.header and table.num_rows == 1 and not others and len(content) < len(head):
            return ()
        return tuple(
            column[0].as_py().decode("utf-8", errors="replace") for column in table.columns
        )

    def _parsed(
        self, stream: TextStream, positions: Sequence[int], malformed: list[MalformedRow]
    ) -> Iterator[pa.RecordBatch]:
        names = [str(position) for position in range(len(self.names))]
        try:
            with csv.open_csv(
                stream,
                csv.ReadOptions(column_names=names, block_size=BLOCK, use_threads=False),
                self._parse_options(malformed),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    include_columns=[names[position] for position in positions],
                ),
            ) as reader:
                yield from reader
        except pa.ArrowInvalid as error:
            raise InputError(f"{self.name}: {self._explained(str(error))}") from error

    def _parse_options(self, malformed: list[MalformedRow]) -> csv.ParseOptions:
        def keep(row: csv.InvalidRow) -> str:
            malformed.append(MalformedRow(row.actual_columns, row.text))
            return "skip"

        return csv.ParseOptions(
            delimiter=delimiter_of(self._options),
            quote_char=self._options.quote or False,
            escape_char=self._options.escape or False,
            newlines_in_values=True,
            invalid_row_handler=keep,
        )

    def _restored(self, values: pa.Array) -> pa.Array:
        """A delimiter of several characters within quotes is part of the value."""
        is_undecoded = pc.match_substring(values, UNDECODED)
        if pc.any(is_undecoded).as_py():
            shown = values.filter(is_undecoded)[0].as_py().replace(UNDECODED, "\ufffd")
            raise InputError(
                f"{self.name}: {shown[:80]!r} is not {self._options.encoding}: set "
                "source.format.encoding, for example latin-1 or utf-16"
            )
        stand_in, delimiter = delimiter_of(self._options), self._options.delimiter
        return (
            values if stand_in == delimiter else pc.replace_substring(values, stand_in, delimiter)
        )

    def _explained(self, error: str) -> str:
        if "straddl" in error:
            return (
                f"a row is longer than {BLOCK >> 20} MiB (a quote that is never closed?): correct "
                "the file, or set source.format.quote to '' if quotes have no meaning in it"
            )
        return f"{error.splitlines()[0]}: correct the file or source.format in the scenario"
