"""Tables with one row per impression that is computed from all that came before it.

A day of such a table is computed from its own impressions and from a *state*: a table that holds
all that later days need of earlier ones, as of the end of a day. So a daily run reads one day, and
not the whole past.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.errors import AuditError, InputError
from jobs.lake import Attempt, Lake, Partition
from jobs.lake import Window as SeenWindow
from jobs.lake.chain import chain_digests
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command
from jobs.spark.parquet_writer import NOTHING_WRITTEN, file_count, write_by_day
from jobs.spark.session import next_midnight

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Contract = Callable[[Scenario], pa.Schema]
Newest = Mapping[date, datetime | None]


@dataclass(frozen=True)
class ChainedTable:
    """A table with one row per impression, and its state.

    Attributes:
        name: Name of the table, with a row per impression in the order of ``impressions``.
        contract: Its schema.
        state: Name of the table of states.
        state_contract: Its schema.
        options: Digest of the options that both depend on.
    """

    lake: Lake
    scenario: Scenario
    name: str
    contract: Contract
    state: str
    state_contract: Contract
    options: str

    def inputs(self) -> dict[date, dict[str, str]]:
        """Digests of what each ingested day is computed from, for its manifest."""
        chain = chain_digests(self.lake, self.scenario.name)
        return {day: {"log": digest, "options": self.options} for day, digest in chain.items()}

    def plan(self, last: date) -> DayPlan:
        """The days up to ``last`` that are missing or stale, and what they are computed from.

        Raises:
            InputError: If no day up to ``last`` is ingested.
        """
        inputs = {day: of_day for day, of_day in self.inputs().items() if day <= last}
        days = list(inputs)
        if not days:
            raise InputError(
                f"scenario {self.scenario.name}: no day up to {last} is ingested: run "
                f"{ingest_command(self.scenario, end=last)}"
            )

        def is_current(table: str, day: date) -> bool:
            manifest = self.lake.manifest(Partition(table, self.scenario.name, day))
            return manifest is not None and manifest.inputs == inputs[day]

        stale = next((i for i, day in enumerate(days) if not is_current(self.name, day)), len(days))
        before = days[:stale] if stale < len(days) else []
        carried = next((day for day in reversed(before) if is_current(self.state, day)), None)
        replayed = [day for day in before if carried is None or day > carried]
        return DayPlan(self, days[stale:], carried, replayed, inputs)


@dataclass(frozen=True)
class DayPlan:
    """Days to build, and the earlier days that they are computed from.

    Attributes:
        table: The table to build.
        days: Days to build, up to the last requested one.
        carried: The last day before them with a current state, if there is one.
        replayed: The days after it and before ``days``, whose impressions are read again.
        inputs: Digests of the inputs of each day, for its manifest.
    """

    table: ChainedTable
    days: list[date]
    carried: date | None
    replayed: list[date]
    inputs: dict[date, dict[str, str]]

    @property
    def end(self) -> date:
        """The last day to build, whose state is published."""
        return self.days[-1]

    @property
    def partitions(self) -> list[Partition]:
        """All partitions to publish, the state first."""
        name = self.table.scenario.name
        days = [Partition(self.table.name, name, day) for day in self.days]
        return [Partition(self.table.state, name, self.end), *days]

    def write_rows(self, attempt: Attempt, rows: DataFrame, newest: str) -> Newest:
        """Write the rows of all days, in the order of ``impressions``.

        Args:
            attempt: Where to write.
            rows: Rows with the columns of the table, ``ds``, and ``newest``.
            newest: Column with the time of the newest event used, in microseconds.

        Returns:
            The time of the newest event used for each day, None if none was.

        Raises:
            AuditError: If a day does not have as many rows as ``impressions``.
        """
        table, lake = self.table, self.table.lake
        name = table.scenario.name
        expected = {
            day: lake.require(
                Partition("impressions", name, day),
                f"run {ingest_command(table.scenario, start=day, end=day)}",
            ).rows
            for day in self.days
        }
        written = write_by_day(
            rows,
            lake,
            f"{attempt.folder}/{table.name}",
            table.contract(table.scenario),
            "ts",
            "impression_id",
            newest=newest,
            files={day.isoformat(): file_count(rows) for day, rows in expected.items()},
        )
        result = {day: written.get(f"ds={day.isoformat()}", NOTHING_WRITTEN) for day in self.days}
        for day, impressions in expected.items():
            if result[day].rows != impressions:
                raise AuditError(
                    f"{Partition(table.name, name, day)} has {result[day].rows} rows for "
                    f"{impressions} impressions"
                )
        return {day: _time(one.newest) for day, one in result.items()}

    def write_state(self, attempt: Attempt, state: DataFrame, order: Sequence[str]) -> str:
        """Write the state as of the end of the last day in an order; return its folder."""
        table = self.table
        folder = f"{attempt.folder}/{table.state}"
        schema = table.state_contract(table.scenario)
        write_by_day(
            state.withColumn("ds", F.lit(self.end.isoformat())), table.lake, folder, schema, *order
        )
        return f"{folder}/ds={self.end.isoformat()}"

    def publish(self, attempt: Attempt, newest: Newest, in_state: datetime | None) -> None:
        """Publish the days in their order, then the state.

        Args:
            attempt: Where they are written.
            newest: Times of the newest events that the rows were computed from.
            in_state: Time of the newest event in the state.

        Raises:
            AuditError: If an event is not before the end of its day.
        """
        state, *days = self.partitions
        for partition in days:
            self._publish(attempt, partition, self.table.contract, newest[partition.ds])
        self._publish(attempt, state, self.table.state_contract, in_state)

    def _publish(
        self, attempt: Attempt, partition: Partition, contract: Contract, newest: datetime | None
    ) -> None:
        attempt.publish(
            partition,
            below=f"{partition.table}/ds={partition.ds.isoformat()}",
            inputs=self.inputs[partition.ds],
            schema=contract(self.table.scenario),
            window=SeenWindow.until(next_midnight(partition.ds), newest),
        )


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
