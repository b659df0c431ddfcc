"""Reading ahead: one thread makes the next parts while another trains on those it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")


def ahead(parts: Iterator[Part], depth: int = 2) -> Iterator[Part]:
    """The same parts in the same order, made on a thread of its own, at most ``depth`` ahead.

    What making a part raises is raised here, in its turn. A caller that stops early waits for the
    parts that are being made, and no more are begun.
    """
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        made: deque[Future[Part | None]] = deque()
        while True:
            while len(made) < depth:
                made.append(thread.submit(next, parts, None))
            part = made.popleft().result()
            if part is None:
                return
            yield part
