"""Small logs in the formats that users have."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from jobs.scenarios import TableSource

MAPPING = {"user_id": "user", "item_id": "item", "ts": "time", "label": "click"}
NOON = "2026-01-31T12:00:00Z"
DAYS = (date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 2))


def table_source(**changes: Any) -> TableSource:
    """A Parquet log with the columns user, item, time and click; ``changes`` replace its fields."""
    return TableSource.model_validate({"reader": "table", "columns": MAPPING, **changes})


def csv_source(delimiter: str = ",", header: bool = True, **changes: Any) -> TableSource:
    """As ``table_source``, in CSV; without a header, columns are positions."""
    columns = MAPPING if header else {"user_id": 0, "item_id": 1, "ts": 2, "label": 3}
    form = {"kind": "csv", "delimiter": delimiter, "header": header}
    return table_source(**{"format": form, "columns": columns, **changes})


def frame(ids: type = int, days: tuple[date, ...] = DAYS) -> pd.DataFrame:
    """One impression a day at noon."""
    return pd.DataFrame(
        {
            "user": [ids(number) for number in range(len(days))],
            "item": [ids(10 + number) for number in range(len(days))],
            "time": [pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=12) for day in days],
            "click": [number % 2 for number in range(len(days))],
        }
    )


def write_csv(path: Path, rows: pd.DataFrame, delimiter: str = ",", header: bool = True) -> Path:
    """Write rows with any delimiter; gzipped where the name ends with .gz."""
    lines = [delimiter.join(rows.columns)] if header else []
    lines += [delimiter.join(map(str, row)) for row in rows.itertuples(index=False)]
    content = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_parquet(path: Path, rows: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path, index=False)
    return path
