"""A day of training rows, read once, encoded and spooled to temporary files.

New ids get embedding rows in order of their first appearance in the day, and the table grows once
per day. So the whole day is read before the first training step. The encoded rows are kept in the
folder for temporary files, at 12 bytes per row and 4 bytes per field, click and statistic, so the
length of a day is not limited by memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jobs.common.disk_full import temporary_files
from jobs.common.errors import InputError
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import VocabularyBuilder
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows, chunk_statistics, pad
from jobs.ranker.rows.read_day import Chunk
from jobs.scenarios import ITEM

_MAX_IDS = np.iinfo(np.int32).max


class SpooledDay:
    """The encoded rows of a day in temporary files; see ``spooled_day``."""

    def __init__(self, ranker: Ranker, files: Sequence[IO[bytes]]) -> None:
        self._ranker = ranker
        self._vocabularies = {
            field: VocabularyBuilder(vocabulary)
            for field, vocabulary in ranker.vocabularies.items()
        }
        fields, history, statistics, labels, ts = files
        self._fields = _SpooledArray(fields, np.int32, len(ranker.fields))
        self._history = _SpooledArray(history, np.int32, ranker.options.history_length)
        self._statistics = _SpooledArray(statistics, np.float32, ranker.network.width)
        self._labels = _SpooledArray(labels, np.float32)
        self._ts = _SpooledArray(ts, np.int64)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, chunk: Chunk) -> None:
        """Write training rows to the files and collect their ids."""
        rows, items = chunk.impressions, self._vocabularies[ITEM]
        fields = [vocabulary.add(rows[name]) for name, vocabulary in self._vocabularies.items()]
        clicked, length = items.look_up(chunk.clicks.items), self._ranker.options.history_length
        self._fields.append(np.stack(fields, axis=1))
        self._history.append(pad(chunk.clicks, clicked, len(chunk), length))
        self._statistics.append(chunk_statistics(chunk, self._ranker.fields))
        self._labels.append(rows["label"].to_numpy())
        self._ts.append(rows["ts"].cast("int64").to_numpy())
        self._rows += len(chunk)

    def add_ids_to_ranker(self) -> None:
        """Give the day's new ids rows in the ranker's vocabularies and embedding table.

        Raises:
            InputError: If a field has more ids than the files can number.
        """
        for field, vocabulary in self._vocabularies.items():
            if len(vocabulary) > _MAX_IDS:
                raise InputError(
                    f"{field} has {len(vocabulary):,} ids: at most {_MAX_IDS:,} can be trained"
                )
        new_ids = {field: vocabulary.new_ids for field, vocabulary in self._vocabularies.items()}
        self._ranker.add_ids(new_ids)

    def windows(self, rows: int) -> Iterator[EncodedRows]:
        """Yield the rows in stored order, ``rows`` at a time; the last window may be shorter."""
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            yield EncodedRows(
                self._read_fields(start, stop),
                self._read_history(start, stop),
                self._statistics.read(start, stop),
                self._labels.read(start, stop),
                self._ts.read(start, stop),
            )

    def _read_fields(self, start: int, stop: int) -> NDArray[np.int64]:
        rows = self._fields.read(start, stop)
        for field, vocabulary in enumerate(self._vocabularies.values()):
            rows[:, field] = vocabulary.final_rows(rows[:, field])
        return self._ranker.table.stacked(self._ranker.fields, rows)

    def _read_history(self, start: int, stop: int) -> NDArray[np.int64]:
        rows = self._history.read(start, stop)
        stacked = self._ranker.table.stacked(ITEM, self._vocabularies[ITEM].final_rows(rows))
        # Final rows are -1 for padding and unknown items alike; in ``rows`` they still differ.
        stacked[rows == NO_CLICK] = NO_CLICK
        return stacked


@contextmanager
def spooled_day(ranker: Ranker, chunks: Iterable[Chunk]) -> Iterator[SpooledDay]:
    """Read and encode a day's training rows; the files are deleted at the end of the block.

    The ranker gets embedding rows for the new ids of the day.
    """
    with ExitStack() as open_files:
        day = SpooledDay(ranker, [open_files.enter_context(TemporaryFile()) for _ in range(5)])
        for chunk in chunks:
            day.append(chunk)
        day.add_ids_to_ranker()
        yield day


class _SpooledArray:
    """An array in a file; all rows are appended before the first is read."""

    def __init__(self, file: IO[bytes], dtype: DTypeLike, *width: int) -> None:
        self._file = file
        self._dtype = np.dtype(dtype)
        self._width = width

    def append(self, rows: NDArray[Any]) -> None:
        with temporary_files():
            self._file.write(np.ascontiguousarray(rows, self._dtype).data)
            self._file.flush()

    def read(self, start: int, stop: int) -> NDArray[Any]:
        values = int(np.prod(self._width, dtype=np.int64))
        self._file.seek(start * values * self._dtype.itemsize)
        flat = np.fromfile(self._file, self._dtype, (stop - start) * values)
        return flat.reshape(stop - start, *self._width)
