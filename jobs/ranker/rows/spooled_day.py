"""A day to train on: read once, its ids learnt and replaced by rows, and kept in files.

What has no row yet gets it by its first appearance in the whole day, and the table grows once a
day. So the day is read to its end before the first step, and no day is too long for that: what was
read lies in the folder for temporary files, at 12 bytes a row and 4 a field and a click.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jobs.common.errors import InputError
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import LearningVocabulary
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows, pad
from jobs.ranker.rows.read_day import Chunk
from jobs.scenarios import ITEM

_MOST_IDS = np.iinfo(np.int32).max


class EncodedDay:
    """The rows of a day as the network takes them, once ``learnt_day`` has read them."""

    def __init__(self, ranker: Ranker, files: Sequence[IO[bytes]]) -> None:
        self._ranker = ranker
        self._vocabularies = {
            field: LearningVocabulary(known) for field, known in ranker.vocabularies.items()
        }
        fields, history, labels, ts = files
        self._fields = _RowsOnDisk(fields, np.int32, len(ranker.fields))
        self._history = _RowsOnDisk(history, np.int32, ranker.options.history_length)
        self._labels = _RowsOnDisk(labels, np.float32)
        self._ts = _RowsOnDisk(ts, np.int64)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, chunk: Chunk) -> None:
        """Learn the ids of rows, all of which train, and keep the rows."""
        rows, items = chunk.impressions, self._vocabularies[ITEM]
        fields = [vocabulary.learn(rows[name]) for name, vocabulary in self._vocabularies.items()]
        clicked, length = items.look_up(chunk.clicks.items), self._ranker.options.history_length
        self._fields.append(np.stack(fields, axis=1))
        self._history.append(pad(chunk.clicks, clicked, len(chunk), length))
        self._labels.append(rows["label"].to_numpy())
        self._ts.append(rows["ts"].cast("int64").to_numpy())
        self._rows += len(chunk)

    def learn(self) -> None:
        """Give the day's new ids their rows in the ranker's table.

        Raises:
            InputError: a field has more ids than the files can number.
        """
        for field, vocabulary in self._vocabularies.items():
            if len(vocabulary) > _MOST_IDS:
                raise InputError(f"{field} has {len(vocabulary):,} ids, at most are {_MOST_IDS:,}")
        learnt = {field: vocabulary.ids for field, vocabulary in self._vocabularies.items()}
        self._ranker.learn_ids(learnt)

    def windows(self, rows: int) -> Iterator[EncodedRows]:
        """So many rows at once, in their order, and what is left."""
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            yield EncodedRows(
                self._fields_of(start, stop),
                self._history_of(start, stop),
                self._labels.read(start, stop),
                self._ts.read(start, stop),
            )

    def _fields_of(self, start: int, stop: int) -> NDArray[np.int64]:
        rows = self._fields.read(start, stop)
        for place, vocabulary in enumerate(self._vocabularies.values()):
            rows[:, place] = vocabulary.settled(rows[:, place])
        return self._ranker.table.stacked(self._ranker.fields, rows)

    def _history_of(self, start: int, stop: int) -> NDArray[np.int64]:
        rows = self._history.read(start, stop)
        stacked = self._ranker.table.stacked(ITEM, self._vocabularies[ITEM].settled(rows))
        # A click on an unknown item is not settled as one yet, so this is what no click filled.
        stacked[rows == NO_CLICK] = NO_CLICK
        return stacked


@contextmanager
def learnt_day(ranker: Ranker, chunks: Iterable[Chunk]) -> Iterator[EncodedDay]:
    """Read a day's rows, all of which train, and teach the ranker their ids."""
    with ExitStack() as open_files:
        day = EncodedDay(ranker, [open_files.enter_context(TemporaryFile()) for _ in range(4)])
        for chunk in chunks:
            day.append(chunk)
        day.learn()
        yield day


class _RowsOnDisk:
    """An array in a file, to which rows are appended before any is read."""

    def __init__(self, file: IO[bytes], kind: DTypeLike, *width: int) -> None:
        self._file = file
        self._kind = np.dtype(kind)
        self._width = width

    def append(self, rows: NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(rows, self._kind).data)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        values = int(np.prod(self._width, dtype=np.int64))
        self._file.seek(start * values * self._kind.itemsize)
        found = np.fromfile(self._file, self._kind, (stop - start) * values)
        return found.reshape(stop - start, *self._width)
