"""The simulated feed on disk: reproducible bytes, atomic files, and items for all impressions."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.sources.simulator import SimulatorOptions, generate_day, simulate

START = date(2025, 3, 3)


def make_options(**changes: Any) -> SimulatorOptions:
    return SimulatorOptions.model_validate({"start": START, "rows_per_day": 2_000, **changes})


def final_files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


def test_a_day_alone_equals_the_day_within_a_range(tmp_path: Path) -> None:
    options = make_options()
    days = simulate(options, str(tmp_path), days=6)
    alone = pa.concat_tables(chunk.impressions for chunk in generate_day(options, days[5]))
    written = pq.read_table(tmp_path / f"impressions/ds={days[5]}/part-0000.parquet")
    assert written.replace_schema_metadata(None) == alone


def test_items_cover_impressions_from_the_first_day_on(tmp_path: Path) -> None:
    options = make_options()
    born: set[int] = set()
    for day in simulate(options, str(tmp_path), days=3):
        items = pq.read_table(tmp_path / f"items/ds={day}/part-0000.parquet")
        new = set(items["item_id"].to_pylist())
        assert len(new) == items.num_rows
        assert not new & born
        born |= new
        shown = pq.read_table(tmp_path / f"impressions/ds={day}/part-0000.parquet")
        assert set(shown["item_id"].to_pylist()) <= born


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (date(2024, 2, 28), ["2024-02-28", "2024-02-29", "2024-03-01"]),
        (date(2024, 12, 30), ["2024-12-30", "2024-12-31", "2025-01-01"]),
    ],
)
def test_a_range_may_cross_month_and_year_ends(
    tmp_path: Path, start: date, expected: list[str]
) -> None:
    seen: list[tuple[date, int]] = []
    days = simulate(
        make_options(start=start),
        str(tmp_path),
        days=3,
        progress=lambda day, rows: seen.append((day, rows)),
    )
    assert [str(day) for day in days] == expected
    assert seen == [(day, 2_000) for day in days]
    for table in ("impressions", "items", "truth"):
        assert sorted(p.name for p in (tmp_path / table).iterdir()) == [
            f"ds={day}" for day in expected
        ]


def test_a_rerun_is_byte_identical_and_keeps_existing_days(tmp_path: Path) -> None:
    options, one, two = make_options(), tmp_path / "one", tmp_path / "two"
    simulate(options, str(one), days=3)
    first = final_files(one)
    assert len(first) == 9
    simulate(options, str(two), days=1, start=START + timedelta(days=2))
    simulate(options, f"file://{two}", days=3)
    assert final_files(two) == first

    kept, deleted = (
        one / f"truth/ds={START + timedelta(days=n)}/part-0000.parquet" for n in (0, 1)
    )
    stamp = kept.stat().st_mtime_ns
    deleted.unlink()
    simulate(options, str(one), days=3)
    assert final_files(one) == first
    assert kept.stat().st_mtime_ns == stamp


def test_a_day_written_with_other_options_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    simulate(make_options(), str(tmp_path), days=1, start=START + timedelta(days=1))
    before = final_files(tmp_path)
    with pytest.raises(InputError, match=r"ds=2025-03-04/part-0000.parquet .* --out") as caught:
        simulate(make_options(seed=8), str(tmp_path), days=3)
    assert "\n" not in str(caught.value)
    assert final_files(tmp_path) == before


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"items/ds={START}/part-0000.parquet"
    path.parent.mkdir(parents=True)
    path.write_text("not Parquet")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        simulate(make_options(), str(tmp_path), days=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days is 0"),
        ({"days": 1, "start": START - timedelta(days=1)}, "use 2025-03-03"),
        ({"days": 10**9}, "calendar"),
        ({"days": 1, "out": "s3://bucket/feed"}, "not a local path"),
    ],
)
def test_unusable_arguments_are_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        simulate(make_options(), **{"out": str(tmp_path), **arguments})
    assert not list(tmp_path.iterdir())


def test_an_output_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "feed").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        simulate(make_options(), str(tmp_path / "feed"), days=1)


def test_a_killed_run_leaves_no_file_under_its_final_name(tmp_path: Path) -> None:
    program = (
        "from jobs.sources.simulator import SimulatorOptions, simulate\n"
        f"options = SimulatorOptions(start='{START}', rows_per_day=100_000_000)\n"
        f"simulate(options, {str(tmp_path)!r}, days=1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while not any(p.stat().st_size > 1_000_000 for p in tmp_path.glob("impressions/*/.*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not list(tmp_path.rglob("part-*"))
    simulate(make_options(), str(tmp_path), days=1)
    assert len(list(tmp_path.rglob("part-*"))) == 3
