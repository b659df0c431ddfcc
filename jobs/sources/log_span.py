"""First and last day of a log."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.scenarios import CsvFormat, Scenario, SimulatedSource, TableSource
from jobs.sources.log_checks import column_name, read_sample
from jobs.sources.log_location import RawFiles, days_of_log, has_day_in_path, log_files
from jobs.sources.log_source import table_source

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_CHUNK_ROWS = 1_000_000


def log_span(scenario: Scenario, raw: str) -> tuple[date, date]:
    """First and last day of the log, found in bounded memory.

    The simulated feed begins with its schedule and extends through yesterday.

    Raises:
        InputError: If there is no log, or no time in it can be read.
    """
    source = table_source(scenario)
    if isinstance(scenario.source, SimulatedSource):
        return scenario.schedule.start, datetime.now(UTC).date() - timedelta(days=1)
    if has_day_in_path(source):
        days = days_of_log(source, raw)
        if not days:
            raise InputError(f"no day of scenario {scenario.name} at {raw}/{source.path}")
        return days[0], days[-1]
    if isinstance(source.format, CsvFormat):
        return _csv_span(source, source.format, raw)
    return _parquet_span(source, raw)


def _parquet_span(source: TableSource, raw: str) -> tuple[date, date]:
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    files = log_files(source, raw)
    for path in files.paths:
        name = _time_column(source, files, path)[1]
        with files.storage.filesystem.open_input_file(files.storage.absolute(path)) as stream:
            for batch in pq.ParquetFile(stream).iter_batches(_CHUNK_ROWS, columns=[name]):
                extremes = _extremes(batch.column(0))
                first, last = _widened(first, last, _timestamps(extremes, source))
    return _days(first, last, raw)


def _extremes(values: pa.Array) -> pd.Series:
    """Minimum and maximum; for strings all values, as their order is not that of the times."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.to_pandas()
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False)
    return pd.Series([value.as_py() for value in pc.min_max(values).values()])


def _csv_span(source: TableSource, options: CsvFormat, raw: str) -> tuple[date, date]:
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    files = log_files(source, raw)
    is_short = len(options.delimiter) == 1
    for path in files.paths:
        position = _time_column(source, files, path)[0]
        with files.storage.filesystem.open_input_stream(
            files.storage.absolute(path), compression="detect"
        ) as stream:
            chunks = pd.read_csv(
                stream,
                # pandas reads a separator of several characters as a regular expression.
                sep=options.delimiter if is_short else re.escape(options.delimiter),
                engine="c" if is_short else "python",
                header=0 if options.header else None,
                usecols=[position],
                chunksize=_CHUNK_ROWS,
            )
            for chunk in chunks:
                first, last = _widened(first, last, _timestamps(chunk.iloc[:, 0], source))
    return _days(first, last, raw)


def _time_column(source: TableSource, files: RawFiles, path: str) -> tuple[int, str]:
    """Position and name of the time column, found as in ``check_log``."""
    columns = list(read_sample(source, files.storage, path).columns)
    name = column_name(columns, source.columns.ts)
    if name is None:
        raise InputError(
            f"{files.storage.absolute(path)}: no column {source.columns.ts!r} for ts; it has "
            f"{', '.join(columns)}: correct source.columns in the scenario"
        )
    return columns.index(name), name


def _widened(
    first: pd.Timestamp | None, last: pd.Timestamp | None, times: pd.Series
) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    valid = times.dropna()
    if valid.empty:
        return first, last
    low, high = valid.min(), valid.max()
    return (
        low if first is None else min(first, low),
        high if last is None else max(last, high),
    )


def _timestamps(values: pd.Series, source: TableSource) -> pd.Series:
    if source.ts_unit == "timestamp":
        return pd.to_datetime(values, errors="coerce", utc=True, format="mixed")
    seconds = pd.to_numeric(values, errors="coerce") / _PER_SECOND[source.ts_unit]
    return pd.to_datetime(seconds, unit="s", errors="coerce", utc=True)


def _days(first: pd.Timestamp | None, last: pd.Timestamp | None, raw: str) -> tuple[date, date]:
    if first is None or last is None:
        raise InputError(
            f"{raw}: no time in the log can be read: correct ts and ts_unit in the scenario"
        )
    return first.date(), last.date()
