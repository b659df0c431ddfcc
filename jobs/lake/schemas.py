"""Arrow schemas of the lake's tables."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from jobs.scenarios import ITEM, USER, Scenario, SimulatedSource

Takes = Literal["vector", "items"]
TIMESTAMP = pa.timestamp("us", tz="UTC")
CONTENT = (
    ("title", pa.string()),
    ("text", pa.string()),
    ("category", pa.string()),
    ("image", pa.string()),
    ("vector", pa.list_(pa.float32())),
)
"""What an item comes with; each part may be null. An image is a path below the raw log or a URI."""
STATISTIC_WINDOWS = ("1d", "7d", "28d", "ever")
"""Windows of the columns of ``statistics``: whole days before the day of a row, or all of them."""


def id_type(scenario: Scenario) -> pa.DataType:
    """Arrow type of the user and item ids of a scenario."""
    source = scenario.source
    is_int = isinstance(source, SimulatedSource) or source.ids == "int64"
    return pa.int64() if is_int else pa.string()


def impression_id_type(scenario: Scenario) -> pa.DataType:
    """Arrow type of impression ids; derived ones are strings."""
    source = scenario.source
    derived = not isinstance(source, SimulatedSource) and source.columns.impression_id is None
    return pa.string() if derived else id_type(scenario)


def field_type(scenario: Scenario, field: str) -> pa.DataType:
    """Arrow type of a column that the ranker embeds: ids, or strings for a context field."""
    return id_type(scenario) if field in (USER, ITEM) else pa.string()


def key_column(keyed_by: str) -> str:
    """Name of the key column of a feature table.

    Args:
        keyed_by: ``item``, ``impression``, or a column that the ranker embeds, such as ``user_id``.
    """
    return f"{keyed_by}_id" if keyed_by in ("item", "impression") else keyed_by


def impressions(scenario: Scenario) -> pa.Schema:
    """One row per impression, sorted by ts and then impression_id."""
    ids = id_type(scenario)
    columns = [
        ("impression_id", impression_id_type(scenario)),
        ("user_id", ids),
        ("item_id", ids),
        ("ts", TIMESTAMP),
        ("label", pa.int8()),
        ("fold", pa.string()),
    ]
    return pa.schema(columns + [(name, pa.string()) for name in scenario.context])


def items(scenario: Scenario) -> pa.Schema:
    """One row per item that was first shown on the day: its content, and further vectors."""
    names = [name for name in scenario.source.item_vectors if name != "vector"]
    return pa.schema(
        [
            ("item_id", id_type(scenario)),
            ("first_seen", TIMESTAMP),
            *CONTENT,
            *((name, pa.list_(pa.float32())) for name in names),
        ]
    )


def quarantine() -> pa.Schema:
    """One row per raw row that was rejected, with the reason and the row as JSON."""
    return pa.schema([("reason", pa.string()), ("row", pa.string())])


def history(scenario: Scenario) -> pa.Schema:
    """One row per impression, in the order of ``impressions``: the clicks before it, oldest first.

    ``items`` has the last K clicks of all folds and ``lineage_items`` the last K of the lineage
    fold. Rankers read the latter, since a held-out click would reveal a held-out label.
    """
    clicks = pa.list_(id_type(scenario))
    return pa.schema(
        [
            ("impression_id", impression_id_type(scenario)),
            ("ts", TIMESTAMP),
            ("items", clicks),
            ("lineage_items", clicks),
        ]
    )


def recent_clicks(scenario: Scenario) -> pa.Schema:
    """One row per user with a click: the last K clicks as of the end of the day, oldest first.

    ``clicks`` are of all folds, ``lineage_clicks`` of the lineage fold.
    """
    click = pa.struct(
        [
            ("ts", TIMESTAMP),
            ("impression_id", impression_id_type(scenario)),
            ("item_id", id_type(scenario)),
            ("fold", pa.string()),
        ]
    )
    return pa.schema(
        [
            ("user_id", id_type(scenario)),
            ("clicks", pa.list_(click)),
            ("lineage_clicks", pa.list_(click)),
        ]
    )


def statistics(scenario: Scenario) -> pa.Schema:
    """One row per impression, in the order of ``impressions``: counts of what came before it.

    Rows of the lineage fold strictly before the impression are counted, and no others. For each
    field, ``<field>_impressions_<window>`` and ``<field>_clicks_<window>`` count those with the
    same value of the field in each of ``STATISTIC_WINDOWS``. ``impressions_ever`` and
    ``clicks_ever`` count all rows before the start of the day. ``item_age_hours`` is the time since
    the first impression of the item, ``user_click_age_hours`` that since the last click of the
    user; both are null if there is none.
    """
    columns = [("impression_id", impression_id_type(scenario)), ("ts", TIMESTAMP)]
    columns += [
        (f"{field}_{counted}_{window}", pa.int64())
        for field in scenario.fields
        for window in STATISTIC_WINDOWS
        for counted in ("impressions", "clicks")
    ]
    columns += [("impressions_ever", pa.int64()), ("clicks_ever", pa.int64())]
    columns += [("item_age_hours", pa.float32()), ("user_click_age_hours", pa.float32())]
    return pa.schema(columns)


def recent_counts(scenario: Scenario) -> pa.Schema:
    """Daily counts of the lineage fold as of the end of the day, by value of a field.

    One row per field, ``key`` (a value of the field as a string) and day with a row. Of the last
    28 days every day is kept; older ones are added up in the row of the day before these.
    ``field`` is ``impression`` for counts of all rows, with a null ``key``.
    """
    return pa.schema(
        [
            ("field", pa.string()),
            ("key", pa.string()),
            ("day", pa.date32()),
            ("impressions", pa.int64()),
            ("clicks", pa.int64()),
            ("first_impression", TIMESTAMP),
            ("last_impression", TIMESTAMP),
            ("last_click", TIMESTAMP),
        ]
    )


def snapshots(scenario: Scenario, dim: int, slot: str = ITEM) -> pa.Schema:
    """One row per id in an embedding slot of M_D: its embedding and number of updates."""
    return pa.schema(
        [
            (slot, field_type(scenario, slot)),
            ("embedding", pa.list_(pa.float32(), dim)),
            ("updates", pa.int64()),
            ("last_update", TIMESTAMP),
            ("slot", pa.string()),
            ("ranker_version", pa.string()),
        ]
    )


def features(
    scenario: Scenario, keyed_by: str = "item", takes: Takes = "vector", dim: int | None = None
) -> pa.Schema:
    """One row per key: an id in the day's rows, or an impression of the day.

    ``updates`` is the number of events that a row was computed from and ``last_event`` the time of
    the newest one. ``sources`` are the ids of the impressions that a row keyed by impression was
    computed from.

    Args:
        scenario: gives the types of ids.
        keyed_by: see ``key_column``.
        takes: ``vector`` for a column ``embedding``, ``items`` for a column of lists of item ids.
        dim: length of the vectors as a fixed-size list (default: lists, as stored).
    """
    ids = id_type(scenario)
    of_impressions = keyed_by == "impression"
    column = key_column(keyed_by)
    key = impression_id_type(scenario) if of_impressions else field_type(scenario, column)
    vector = pa.list_(pa.float32()) if dim is None else pa.list_(pa.float32(), dim)
    value = ("embedding", vector) if takes == "vector" else ("items", pa.list_(ids))
    columns = [(column, key), value]
    if of_impressions:
        columns.append(("sources", pa.list_(impression_id_type(scenario))))
    return pa.schema([*columns, ("updates", pa.int64()), ("last_event", TIMESTAMP)])


def predictions(scenario: Scenario) -> pa.Schema:
    """One row per impression of a day, for the variant in the partition's keys.

    ``score`` is the mean of ``seed_scores``. ``covered`` is whether the variant's feature table has
    the row's key. ``item_updates`` is the number of updates of the row's item in M_T. For the
    simple models of ``jobs.lis.simple_models`` it is the number of impressions that they know of
    the item, and ``covered`` is whether there is one.
    """
    ids = id_type(scenario)
    return pa.schema(
        [
            ("impression_id", impression_id_type(scenario)),
            ("user_id", ids),
            ("item_id", ids),
            ("label", pa.int8()),
            ("fold", pa.string()),
            *((field, pa.string()) for field in scenario.context),
            ("history_clicks", pa.int64()),
            ("score", pa.float64()),
            ("seed_scores", pa.list_(pa.float64())),
            ("covered", pa.bool_()),
            ("item_updates", pa.int64()),
        ]
    )


def preference_items(scenario: Scenario) -> pa.Schema:
    """One row per item that an encoder is aligned on, sorted by item.

    ``split`` is ``train`` or ``validation``, by a stable hash of the item. Where the preference
    data is vectors, ``target`` has the item's; where it is lists, ``positives`` has the items of
    the same split that belong to it. ``keep_probability`` is that of curation.
    """
    ids = id_type(scenario)
    return pa.schema(
        [
            ("item_id", ids),
            ("split", pa.string()),
            *CONTENT,
            ("target", pa.list_(pa.float32())),
            ("positives", pa.list_(ids)),
            ("updates", pa.int64()),
            ("keep_probability", pa.float64()),
        ]
    )


def item_vectors(scenario: Scenario, dim: int) -> pa.Schema:
    """One row per item, sorted by item; ``content`` is a digest of what was encoded."""
    return pa.schema(
        [
            ("item_id", id_type(scenario)),
            ("embedding", pa.list_(pa.float32(), dim)),
            ("content", pa.string()),
        ]
    )


def gate() -> pa.Schema:
    """One row per decision on preference data for an evaluation day, oldest first.

    The columns from ``lis_as_of`` on are of the result on which it rests, null if there is none.
    """
    return pa.schema(
        [
            ("as_of", pa.string()),
            ("preference", pa.string()),
            ("ranker_version", pa.string()),
            ("decision", pa.string()),
            ("reason", pa.string()),
            ("forced_because", pa.string()),
            ("lis_as_of", pa.string()),
            ("lis_horizon", pa.int64()),
            ("lis_mode", pa.string()),
            ("lis", pa.float64()),
            ("lis_ci_low", pa.float64()),
            ("lis_ci_high", pa.float64()),
            ("verdict", pa.string()),
            ("leak_digest", pa.string()),
        ]
    )
