"""Names of files and folders that are no patterns and no addresses."""

from __future__ import annotations

import shutil

from tests.reader_cases.raw_log import RawLog, either, impressions, in_job, published, refused


def _in_file(log: RawLog, name: str) -> None:
    log.good = impressions()
    log.parquet(f"log/{name}", log.good)
    log.scenario("log")


def _in_folders(log: RawLog, pattern: str) -> None:
    """Two days in folders; the second one also has rows of the first."""
    first, second = impressions(), impressions("2026-03-03", start=3)
    late = [{**record, "visitor": "late"} for record in impressions(count=3)]
    log.good = first + second
    log.parquet(f"{pattern.replace('{ds}', '2026-03-02')}/part.parquet", first)
    log.parquet(f"{pattern.replace('{ds}', '2026-03-03')}/part.parquet", second + late)
    log.scenario(pattern)


@published
@in_job
def brackets_in_a_file_name(log: RawLog) -> None:
    _in_file(log, "part [0-9] {x,y} *.parquet")


@published
@in_job
def colons_in_a_file_name(log: RawLog) -> None:
    _in_file(log, "clicks_2026-03-02T00:00:00.parquet")


@published
def a_file_name_that_looks_like_an_address(log: RawLog) -> None:
    _in_file(log, "s3:part#1?x=%20&y=1%.parquet")


@published
def letters_beyond_ascii_in_a_file_name(log: RawLog) -> None:
    _in_file(log, "журнал de été 日.parquet")


@published
def quotes_and_backslashes_in_a_file_name(log: RawLog) -> None:
    _in_file(log, 'it\'s a \\ "part".parquet')


@published
@in_job
def partitions_with_coded_colons(log: RawLog) -> None:
    _in_folders(log, "log/dt={ds} 00%3A00%3A00")


@published
@in_job
def blanks_and_brackets_in_folders(log: RawLog) -> None:
    _in_folders(log, "my log [v1]/day={ds}")


@published
def a_number_sign_and_percents_in_folders(log: RawLog) -> None:
    _in_folders(log, "100% of #1/d {ds}+")


@published
def folders_below_the_day(log: RawLog) -> None:
    first, second = impressions(), impressions("2026-03-03", start=3)
    log.good = first + second
    for hour, records in enumerate((first[:8], first[8:])):
        log.parquet(f"log/ds=2026-03-02/hour=0{hour}/part.parquet", records)
    log.parquet("log/ds=2026-03-03/hour=00/part.parquet", second)
    log.parquet("log/ds=2026-03-03/_temporary/0/part.parquet", second[:4])
    log.rows -= 4
    log.scenario("log/ds={ds}")


@either
@in_job
def the_partition_of_rows_without_a_day(log: RawLog) -> None:
    first = impressions()
    other = [{**record, "visitor": "w"} for record in impressions(count=5, start=40)]
    log.good = first + other
    log.parquet("log/ds=2026-03-02/part.parquet", first)
    log.parquet("log/ds=__HIVE_DEFAULT_PARTITION__/part.parquet", other)
    log.scenario("log/ds={ds}")


@refused("20260302")
def days_without_hyphens(log: RawLog) -> None:
    log.parquet("log/ds=20260302/part.parquet", impressions())
    log.scenario("log/ds={ds}")


@refused("2026-02-30")
def a_folder_of_a_day_that_does_not_exist(log: RawLog) -> None:
    log.parquet("log/ds=2026-02-30/part.parquet", impressions())
    log.parquet("log/ds=2026-03-02/part.parquet", impressions())
    log.scenario("log/ds={ds}")


@published
@in_job
def a_link_to_the_folder(log: RawLog) -> None:
    first, second = impressions(), impressions("2026-03-03", start=3)
    log.good = first + second
    for records in (first, second):
        log.parquet(f"far/ds={records[0]['at']:%Y-%m-%d}/part.parquet", records)
    shutil.move(log.raw / "far", log.folder / "far")
    (log.raw / "log").symlink_to(log.folder / "far")
    log.scenario("log/ds={ds}")


@published
def a_link_to_a_file(log: RawLog) -> None:
    log.good = impressions()
    log.parquet("part.parquet", log.good)
    shutil.move(log.raw / "part.parquet", log.folder / "part.parquet")
    (log.raw / "log.parquet").symlink_to("../part.parquet")
    log.scenario("log.parquet")


@either
def a_link_in_a_circle(log: RawLog) -> None:
    _in_file(log, "part.parquet")
    (log.raw / "log" / "again").symlink_to(log.raw / "log", target_is_directory=True)


@refused("gone.parquet")
def a_link_to_nothing(log: RawLog) -> None:
    _in_file(log, "part.parquet")
    (log.raw / "log" / "gone.parquet").symlink_to(log.raw / "nothing.parquet")


@refused("log", "Delta Lake")
def a_table_of_delta_lake(log: RawLog) -> None:
    _in_file(log, "part.parquet")
    log.bytes("log/_delta_log/00000000000000000000.json", "{}")


@refused("log", "Delta Lake")
def a_table_of_delta_lake_by_day(log: RawLog) -> None:
    _in_folders(log, "log/ds={ds}")
    log.bytes("log/_delta_log/00000000000000000000.json", "{}")


@refused("log", "Hudi")
def a_table_of_hudi(log: RawLog) -> None:
    _in_file(log, "part.parquet")
    log.bytes("log/.hoodie/hoodie.properties", "")


@refused("v1.metadata.json")
def a_table_of_iceberg(log: RawLog) -> None:
    _in_file(log, "data/part.parquet")
    log.bytes("log/metadata/v1.metadata.json", "{}")
