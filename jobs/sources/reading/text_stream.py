"""The bytes of a delimited text file as UTF-8 with a delimiter of one character."""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios.sources import CsvFormat
from jobs.sources.reading.quotes import MisplacedQuote, with_quotes_checked

BLOCK = 1 << 22
END = "\x1dEOF\x1d"
"""Last line of a stream. A quote that is never closed swallows it, and is found by that."""
UNDECODED = "\U0010ffff"
"""Stands for a byte that is not in the encoding; no text holds this character."""

_CODECS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd", "lz4": "lz4", "br": "brotli"}
_UNREADABLE = ("zip", "xz", "7z", "rar", "lzma", "lzo", "snappy", "z", "tar", "tgz")
_MAGIC = {
    b"\x1f\x8b": ("gzip", "gz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zst"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4"),
    b"PK\x03\x04": ("zip", "unpack it"),
    b"\xfd7zXZ": ("xz", "unpack it"),
    b"PAR1\x15": ("Parquet", "set source.format.kind: parquet"),
}
"""First bytes of files that are no text: their kind, and the end of their names or the way out."""
_STAND_IN = "\x1f"
_UTF8 = codecs.lookup("utf-8").name
_MARKED = "lis-marked"
codecs.register_error(_MARKED, lambda error: (UNDECODED, error.end))  # type: ignore[attr-defined]


def delimiter_of(options: CsvFormat) -> str:
    """The delimiter in the stream: one character of ASCII, which may stand for another one."""
    is_plain = (
        len(options.delimiter) == 1 and options.delimiter > "\0" and options.delimiter.isascii()
    )
    return options.delimiter if is_plain else _STAND_IN


def compression_of(path: str) -> str | None:
    """Name of the compression of a file by the end of its name, None if it has none.

    Raises:
        InputError: If it is one that cannot be read.
    """
    ending = path.rpartition(".")[2].lower()
    if ending in _UNREADABLE:
        raise InputError(
            f"{path}: .{ending} cannot be read: unpack it, or use one of "
            f"{', '.join(f'.{known}' for known in _CODECS)}"
        )
    return _CODECS.get(ending)


class TextStream(io.RawIOBase):
    """A file, unpacked and recoded, followed by a line with ``END``.

    Args:
        options: encoding and delimiter of the file.
        storage: where the file is.
        path: its path there.

    Raises:
        InputError: If the compression cannot be read. Reading raises it too, if the file is
            damaged.
    """

    def __init__(self, options: CsvFormat, storage: Storage, path: str) -> None:
        super().__init__()
        self.name = storage.absolute(path)
        self._compression = compression_of(self.name)
        self._stream = storage.filesystem.open_input_stream(
            self.name, compression=self._compression, buffer_size=BLOCK
        )
        self._options = options
        self._chunks = self._quoted(self._separated(self._decoded()))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        """Read ``size`` bytes, or all.

        Fewer come at the end alone: the parser takes what it gets for a block, and finds no end of
        a row in a short one.
        """
        pieces, missing = [self._rest], (float("inf") if size is None or size < 0 else size)
        missing -= len(self._rest)
        while missing > 0 and (chunk := next(self._chunks, None)) is not None:
            pieces.append(chunk)
            missing -= len(chunk)
        content = b"".join(pieces) if len(pieces) > 1 else pieces[0]
        end = len(content) + int(min(missing, 0))
        self._rest = content[end:]
        return content[:end]

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _blocks(self) -> Iterator[bytes]:
        kind = self._compression
        try:
            block = self._stream.read(BLOCK)
            self._refuse_binary(block)
            while block:
                yield block
                block = self._stream.read(BLOCK)
        except (OSError, pa.ArrowInvalid, zlib.error, EOFError) as error:
            if kind is None:
                raise InputError(f"{self.name} cannot be read: {error}") from error
            if "truncated" in str(error).lower():
                problem = f"a complete {kind} file (truncated?)"
            else:
                problem = f"a {kind} file ({error})"
            raise InputError(f"{self.name} is not {problem}: copy it again") from error

    def _refuse_binary(self, start: bytes) -> None:
        """Check that a file does not begin as those of another format, whatever its name says."""
        if self._compression is not None:
            return
        for magic, (kind, ending) in _MAGIC.items():
            if start.startswith(magic):
                way_out = f"give it a name that ends with .{ending}"
                raise InputError(
                    f"{self.name} is a {kind} file, not text: "
                    f"{way_out if ending in _CODECS else ending}"
                )

    def _decoded(self) -> Iterator[bytes]:
        """UTF-8, in which ``UNDECODED`` stands for each byte that is not in the encoding."""
        is_utf8 = codecs.lookup(self._options.encoding).name == _UTF8
        decoder = codecs.getincrementaldecoder(self._options.encoding)(_MARKED)
        try:
            for block in self._blocks():
                if is_utf8 and block.isascii() and not decoder.getstate()[0]:
                    yield block
                else:
                    yield decoder.decode(block).encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError as error:
            raise InputError(
                f"{self.name} is not {self._options.encoding} ({error}): correct "
                "source.format.encoding, for example to utf-16-le"
            ) from error

    def _separated(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        last_line = f"\n{END}\n".encode()
        delimiter = self._options.delimiter.encode()
        if delimiter_of(self._options) == self._options.delimiter:
            yield from blocks
            yield last_line
            return
        stand_in, rest = _STAND_IN.encode(), b""
        for block in blocks:
            if stand_in in block:
                raise InputError(
                    f"{self.name} holds the control character 0x1f, which stands for the delimiter "
                    f"{self._options.delimiter!r}: export it with another delimiter"
                )
            # Whole lines, so that no delimiter is cut in two.
            lines, newline, rest_of_block = block.rpartition(b"\n")
            if newline:
                yield (rest + lines + newline).replace(delimiter, stand_in)
                rest = rest_of_block
            else:
                rest += block
        yield rest.replace(delimiter, stand_in) + last_line

    def _quoted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        options = self._options
        if not options.quote:
            yield from chunks
            return
        try:
            yield from with_quotes_checked(
                chunks, delimiter_of(options), options.quote, options.escape
            )
        except MisplacedQuote as error:
            raise InputError(
                f"{self.name}: a quote within a quoted value, or a blank before one, in "
                f"{str(error)!r}: write quotes within a value twice, or set source.format.escape "
                "(Spark writes a backslash before them), or source.format.quote to '' if quotes "
                "have no meaning"
            ) from error
