"""The first and last day that a log holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.datasets.location import days_of_log, is_by_day, log_files
from jobs.datasets.preflight import column_name
from jobs.datasets.source import table_source
from jobs.errors import InputError
from jobs.scenarios import CsvFormat, Scenario, SimulatedSource, TableSource

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_CHUNK_ROWS = 1_000_000


def log_span(scenario: Scenario, raw: str) -> tuple[date, date]:
    """First and last day of the log, by reading its times in bounded memory.

    The simulated feed begins with its schedule and can be made through yesterday.

    Raises:
        InputError: there is no log, or no time in it can be read.
    """
    source = table_source(scenario)
    if isinstance(scenario.source, SimulatedSource):
        return scenario.schedule.start, datetime.now(UTC).date() - timedelta(days=1)
    if is_by_day(source):
        days = days_of_log(source, raw)
        if not days:
            raise InputError(f"no day of scenario {scenario.name} at {raw}/{source.path}")
        return days[0], days[-1]
    if isinstance(source.format, CsvFormat):
        return _csv_span(source, source.format, raw)
    return _parquet_span(source, raw)


def _parquet_span(source: TableSource, raw: str) -> tuple[date, date]:
    files = log_files(source, raw)
    dataset = ds.dataset(files.names(), filesystem=files.storage.filesystem, format="parquet")
    name = column_name(dataset.schema.names, source.columns.ts)
    if name is None:
        raise InputError(f"{raw}: no column {source.columns.ts!r} for ts in the log")
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    for batch in dataset.to_batches(columns=[name]):
        values = batch.column(0)
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("us", tz=values.type.tz))
        low, high = (value.as_py() for value in pc.min_max(values).values())
        if low is not None:
            moments = _moments(pd.Series([low, high]), source)
            first = moments.min() if first is None else min(first, moments.min())
            last = moments.max() if last is None else max(last, moments.max())
    return _days(first, last, raw)


def _csv_span(source: TableSource, options: CsvFormat, raw: str) -> tuple[date, date]:
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    files = log_files(source, raw)
    for path in files.paths:
        with files.storage.filesystem.open_input_stream(
            files.storage.absolute(path), compression="detect"
        ) as stream:
            chunks = pd.read_csv(
                stream,
                sep=options.delimiter,
                engine="c" if len(options.delimiter) == 1 else "python",
                header=0 if options.header else None,
                usecols=[source.columns.ts],
                chunksize=_CHUNK_ROWS,
            )
            for chunk in chunks:
                moments = _moments(chunk.iloc[:, 0], source).dropna()
                if len(moments):
                    first = moments.min() if first is None else min(first, moments.min())
                    last = moments.max() if last is None else max(last, moments.max())
    return _days(first, last, raw)


def _moments(values: pd.Series, source: TableSource) -> pd.Series:
    if source.ts_unit == "timestamp":
        return pd.to_datetime(values, errors="coerce", utc=True, format="mixed")
    seconds = pd.to_numeric(values, errors="coerce") / _PER_SECOND[source.ts_unit]
    return pd.to_datetime(seconds, unit="s", errors="coerce", utc=True)


def _days(first: pd.Timestamp | None, last: pd.Timestamp | None, raw: str) -> tuple[date, date]:
    if first is None or last is None:
        raise InputError(f"{raw}: no time in the log can be read; correct ts and ts_unit")
    return first.date(), last.date()
