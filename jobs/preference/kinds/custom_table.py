"""Custom preference data that needs no code: a Parquet table that the scenario names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.common.secrets import without_password
from jobs.scenarios import EvalRowsSeen, Mode, PreferenceTable

if TYPE_CHECKING:
    from pyspark import sql
    from pyspark.sql import functions as F

    from jobs.lake import Lake, manifest
    from jobs.preference import table_rows
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario
    from jobs.sources import preference_files
    from jobs.spark import session
else:
    sql = lazy_module("pyspark.sql")
    F = lazy_module("pyspark.sql.functions")
    manifest = lazy_module("jobs.lake.manifest")
    table_rows = lazy_module("jobs.preference.table_rows")
    preference_files = lazy_module("jobs.sources.preference_files")
    session = lazy_module("jobs.spark.session")


@dataclass(frozen=True)
class CustomTable:
    """For each item the newest row that was available before ``known_at``.

    Of several rows with the same timestamp, the one with the largest value is used. ``updates`` is
    the number of rows of the item that were available, ``last_event`` the time of the newest.
    """

    table: PreferenceTable
    keyed_by: Literal["item"] = "item"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def summary(self) -> str:
        values = "lists of items" if self.table.vector is None else "vectors"
        return f"{values} from {without_password(self.table.path)}"

    @property
    def phrase(self) -> str:
        return f"the rows of the table “{self.name}” that are available {{days}} later"

    @property
    def takes(self) -> Literal["vector", "items"]:
        return "items" if self.table.vector is None else "vector"

    @property
    def eval_rows_seen(self) -> EvalRowsSeen:
        return self.table.eval_rows_seen

    def build(self, behaviour: Behaviour) -> sql.DataFrame:
        """See ``PreferenceKind.build``.

        Raises:
            InputError: If a file or a row is malformed.
        """
        scenario = behaviour.scenario
        files = preference_files.find_table(self.table)
        rows = table_rows.table_rows(behaviour.spark, scenario, self.table, files)
        by_time = sql.Window.partitionBy("item_id").orderBy("available_at", "value")
        versions = rows.select(
            "item_id",
            "value",
            "available_at",
            F.row_number().over(by_time).cast("bigint").alias("updates"),
            F.lead("available_at").over(by_time).alias("until"),
        )
        known_at = behaviour.tables.select("known_at").distinct()
        start = F.col("known_at").cast("timestamp")
        is_newest = F.col("until").isNull() | (F.col("until") >= start)
        is_available = F.col("available_at") < start
        return versions.join(F.broadcast(known_at), is_available & is_newest).select(
            "known_at",
            "item_id",
            F.col("value").alias("items" if self.takes == "items" else "embedding"),
            "updates",
            F.col("available_at").alias("last_event"),
        )

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """See ``KindWithInputs.inputs``: files with rows that are available before ``known_at``.

        Raises:
            InputError: If there is no file, or one lacks a column.
        """
        files = preference_files.find_table(self.table)
        digests = [
            (
                file.path,
                files.storage.sha256(file.path),
                preference_files.earliest_timestamp(file.footer, self.table.available_at),
            )
            for file in files.files
        ]
        return {
            window: {
                "table": manifest.digest_of(
                    [
                        (path, digest)
                        for path, digest, begin in digests
                        if begin is None or begin < session.midnight(window.known_at)
                    ]
                )
            }
            for window in windows
        }


# One for each table that a scenario names, and none without a scenario.
KINDS: tuple[CustomTable, ...] = ()
