"""Quotes in delimited text that stand where RFC 4180 has none.

A parser takes them as well as it can: one that is opened and not closed in its row is closed by the
next one in the file, and the rows between them are lost, or mixed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

_SHOWN = 60


class MisplacedQuote(ValueError):
    """A quote stands within a value; the message is the text around it."""


def with_quotes_checked(
    chunks: Iterable[bytes], delimiter: str, quote: str, escape: str = ""
) -> Iterator[bytes]:
    """Pass on text whose quotes are around whole values, and doubled or escaped within one.

    A quote in a value that does not begin with one stands for itself, as in ``5" wide``.

    Args:
        chunks: UTF-8 with an end of line at the end of the last chunk.
        delimiter: one character.
        quote: one character.
        escape: a character that takes the meaning from the next one; empty for none.

    Raises:
        MisplacedQuote: If text follows a closing quote, or blanks precede an opening one.
    """
    dialect = _Dialect(delimiter.encode(), quote.encode(), escape.encode())
    # Every text begins with what came before it: the last byte, or a value that is not yet closed.
    before = b"\n"
    for chunk in chunks:
        text = before + chunk
        end = len(text)
        if len(before) > 1 or dialect.quote in chunk:
            end = dialect.end_of_plain(text) or dialect.end(text)
        before = text[end - 1 :]
        yield chunk


@dataclass(frozen=True)
class _Dialect:
    delimiter: bytes
    quote: bytes
    escape: bytes

    def end_of_plain(self, text: bytes) -> int:
        """End of the closed values if no quote is within a value or escaped; 0 otherwise."""
        if self.escape or len(self.quote) > 1 or len(self.delimiter) > 1:
            return 0
        data = np.frombuffer(text, np.uint8)
        # The first byte belongs to what came before. Quotes open and close in turn.
        quotes = np.flatnonzero(data[1:] == self.quote[0]) + 1
        opening, closing = quotes[0::2], quotes[1::2]
        is_last = closing.size > 0 and closing[-1] == len(text) - 1
        closed = closing[:-1] if is_last else closing
        is_outside = np.zeros(256, bool)
        is_outside[[*self.delimiter, *b"\r\n", *self.quote]] = True
        if not (is_outside[data[opening - 1]].all() and is_outside[data[closed + 1]].all()):
            return 0
        if len(opening) == len(closed):
            return len(text)
        return int(opening[data[opening - 1] != self.quote[0]][-1])

    def end(self, text: bytes) -> int:
        """End of the closed values.

        Raises:
            MisplacedQuote: If a quote is misplaced.
        """
        mark, escape = re.escape(self.quote), re.escape(self.escape)
        separator = b"[" + re.escape(self.delimiter) + b"\r\n]"
        escaped = b"|" + escape + b"." if escape else b""
        value = b"(?:[^" + mark + escape + b"]++|" + mark + mark + escaped + b")*+"
        accepted = [
            b"[^" + mark + separator[1:] + b"++",
            separator + b"(?! ++" + mark + b")",
            b"(?<!" + separator + b")" + mark,
            mark + value + mark + b"(?=" + separator + b")",
        ]
        found = re.compile(b"(?:" + b"|".join(accepted) + b")*+", re.DOTALL).match(text, 1)
        end = 1 if found is None else found.end()
        if end == len(text):
            return end
        quoted = re.compile(mark + value + mark, re.DOTALL).match(text, end)
        at = end if quoted is None else quoted.end()
        if at == len(text) or (quoted is None and text.startswith(self.quote, end)):
            return end
        start = max(text.rfind(b"\n", 0, end) + 1, at - _SHOWN)
        raise MisplacedQuote(text[start : at + _SHOWN // 2].decode("utf-8", "replace"))
