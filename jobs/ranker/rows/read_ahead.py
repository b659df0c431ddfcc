"""Read ahead: a background thread prepares the next parts while the caller uses the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")


def read_ahead(parts: Iterator[Part], depth: int = 2) -> Iterator[Part]:
    """Yield the same parts in the same order, prepared on a background thread.

    An exception raised by ``parts`` is raised here in its turn, after the parts before it. A caller
    that stops early waits for the part in progress; no further part is started.

    Args:
        parts: What to iterate over.
        depth: How many parts may be prepared ahead of the one last yielded.
    """
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        pending: deque[Future[Part | None]] = deque()
        while True:
            while len(pending) < depth:
                pending.append(thread.submit(next, parts, None))
            part = pending.popleft().result()
            if part is None:
                return
            yield part
