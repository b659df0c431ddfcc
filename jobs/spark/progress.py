"""A progress bar of the tasks that Spark runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from py4j.protocol import Py4JError
from pyspark import SparkContext
from tqdm import tqdm

_POLL_SECONDS = 0.5
_QUIET_SECONDS = 3.0
"""Shorter work shows no bar."""


@contextmanager
def spark_progress(label: str) -> Iterator[None]:
    """Show on standard error how many of Spark's tasks are finished while the block runs.

    The number of tasks grows as Spark plans further stages. Where standard error is not a terminal,
    a line is written now and then.

    Args:
        label: What is done, such as ``ingest my_feed``.
    """
    finished = Event()
    thread = Thread(target=_show, args=[label, finished], daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _show(label: str, finished: Event) -> None:
    if finished.wait(_QUIET_SECONDS):
        return
    tasks, bar = _Tasks(), None
    interval = _POLL_SECONDS if sys.stderr.isatty() else 10.0
    is_last = False
    while not is_last:
        is_last = finished.wait(_POLL_SECONDS)
        tasks.update()
        if bar is None and tasks.total:
            bar = tqdm(desc=label, unit="task", total=tasks.total, mininterval=interval)
        if bar is not None:
            # A stage that has ended since the last look is no longer listed.
            bar.total, bar.n = tasks.total, tasks.total if is_last else tasks.done
            bar.update(0)
    if bar is not None:
        bar.close()


class _Tasks:
    """Counts the tasks of all stages that have been seen running."""

    def __init__(self) -> None:
        self._total: dict[int, int] = {}
        self._done: dict[int, int] = {}

    @property
    def total(self) -> int:
        return sum(self._total.values())

    @property
    def done(self) -> int:
        return sum(self._done.values())

    def update(self) -> None:
        """Look at the stages that run now; those that were running before have ended."""
        context = SparkContext._active_spark_context
        # A context that is starting, or has ended, has no connection to the JVM.
        if context is None or getattr(context, "_jsc", None) is None:
            return
        try:
            tracker = context.statusTracker()
            running = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        except (Py4JError, AttributeError):
            # The session is being stopped in the block: its JVM does not answer any more.
            return
        self._done = dict(self._total)
        for stage in running:
            if stage is not None:
                self._total[stage.stageId] = stage.numTasks
                self._done[stage.stageId] = stage.numCompletedTasks
