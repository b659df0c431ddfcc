"""DuckDB as a peer of the behaviour jobs: the same results from the same Parquet files."""

from __future__ import annotations

import argparse
import os
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tests.benchmarks import measure

MEMORY = "8GB"
_CLICKS = 20
_CLICKS_A_USER, _USERS_AN_ITEM, _SMOOTHING, _TOP = 50, 50, 1, 5
_PARTS = 10**12

HISTORY = f"""
WITH clicks AS (
    SELECT user_id, ts, impression_id, item_id, fold = 'lineage' AS is_lineage
    FROM impressions WHERE label = 1
), counted AS (
    SELECT user_id, ts, count(*) OVER so_far AS of_all,
        count(*) FILTER (is_lineage) OVER so_far AS of_lineage
    FROM clicks
    WINDOW so_far AS (
        PARTITION BY user_id ORDER BY ts, impression_id ROWS UNBOUNDED PRECEDING
    )
    QUALIFY lead(ts) OVER (PARTITION BY user_id ORDER BY ts, impression_id) IS DISTINCT FROM ts
), lists AS (
    SELECT user_id, list(item_id ORDER BY ts, impression_id) AS items,
        list(item_id ORDER BY ts, impression_id) FILTER (is_lineage) AS lineage_items
    FROM clicks GROUP BY user_id
)
SELECT asked.impression_id, asked.ts,
    coalesce(list_slice(items, greatest(of_all - {_CLICKS - 1}, 1), of_all), []) AS items,
    coalesce(
        list_slice(lineage_items, greatest(of_lineage - {_CLICKS - 1}, 1), of_lineage), []
    ) AS lineage_items
FROM impressions AS asked
ASOF LEFT JOIN counted ON asked.user_id = counted.user_id AND asked.ts > counted.ts
LEFT JOIN lists ON asked.user_id = lists.user_id
ORDER BY asked.ts, asked.impression_id
"""
"""Lists are made once a user; an impression cuts its own out by the number of clicks before it."""

SIMILAR_ITEMS = f"""
WITH windows (known_at) AS (VALUES (DATE '{{as_of}}'), (DATE '{{known_at}}')
), clicked AS (
    SELECT known_at, user_id, item_id, max(ts) OVER of_user AS last_event
    FROM impressions
    JOIN windows ON ds >= known_at - {{lookback}} AND ds < known_at
    WHERE label = 1 AND fold = 'lineage'
        AND ds >= DATE '{{as_of}}' - {{lookback}} AND ds < DATE '{{known_at}}'
    WINDOW of_user AS (PARTITION BY known_at, user_id)
    QUALIFY row_number() OVER (
        PARTITION BY known_at, user_id ORDER BY ts DESC, impression_id DESC
    ) <= {_CLICKS_A_USER}
), users AS MATERIALIZED (
    SELECT known_at, user_id, item_id, max(last_event) AS last_event FROM clicked GROUP BY ALL
), totals AS (
    SELECT known_at, item_id, count(*) AS updates, max(last_event) AS last_event
    FROM users GROUP BY ALL
), drawn AS MATERIALIZED (
    SELECT known_at, user_id, item_id FROM users
    QUALIFY row_number() OVER (
        PARTITION BY known_at, item_id ORDER BY hash(user_id), user_id
    ) <= {_USERS_AN_ITEM}
), couples AS MATERIALIZED (
    SELECT one.known_at, one.user_id, two.user_id AS partner,
        round({_PARTS} / ({_SMOOTHING} + count(*)))::BIGINT AS parts
    FROM drawn AS one
    JOIN drawn AS two ON one.known_at = two.known_at AND one.item_id = two.item_id
        AND one.user_id < two.user_id
    GROUP BY ALL HAVING count(*) > 1
), shared AS MATERIALIZED (
    SELECT known_at, user_id, partner, parts, item_id
    FROM couples JOIN drawn USING (known_at, user_id)
    SEMI JOIN drawn AS of_partner ON couples.known_at = of_partner.known_at
        AND couples.partner = of_partner.user_id AND drawn.item_id = of_partner.item_id
), half AS (
    SELECT one.known_at, one.item_id, two.item_id AS other,
        round(sum(one.parts) / {_PARTS}, 9) AS score
    FROM shared AS one
    JOIN shared AS two ON one.known_at = two.known_at AND one.user_id = two.user_id
        AND one.partner = two.partner AND one.item_id < two.item_id
    GROUP BY one.known_at, one.item_id, two.item_id
), scored AS (
    FROM half UNION ALL SELECT known_at, other, item_id, score FROM half
), best AS (
    FROM scored QUALIFY row_number() OVER (
        PARTITION BY known_at, item_id ORDER BY score DESC, other
    ) <= {_TOP}
), lists AS (
    SELECT known_at, item_id, list(other ORDER BY score DESC, other) AS items
    FROM best GROUP BY known_at, item_id
), of_day AS (
    SELECT items, lineage_items FROM history
    WHERE ts >= TIMESTAMPTZ '{{as_of}} 00:00:00+00'
        AND ts < TIMESTAMPTZ '{{as_of}} 00:00:00+00' + INTERVAL 1 DAY
), named AS (
    SELECT item_id FROM impressions WHERE ds = DATE '{{as_of}}'
    UNION SELECT unnest(items) FROM of_day
    UNION SELECT unnest(lineage_items) FROM of_day
)
SELECT known_at, item_id, items, updates, last_event
FROM lists JOIN totals USING (known_at, item_id) SEMI JOIN named USING (item_id)
ORDER BY known_at, item_id
"""
"""Pairs of items are met once and mirrored; pairs of users of one item are only counted."""

NEXT_CLICK = """
WITH together AS (
    SELECT user_id, ts, impression_id, 0 AS is_click, NULL AS click
    FROM impressions WHERE ds = DATE '{as_of}'
    UNION ALL
    SELECT user_id, ts, impression_id, 1,
        {{'item': item_id, 'source': impression_id, 'ts': ts}}
    FROM impressions
    WHERE label = 1 AND fold = 'lineage' AND ds >= DATE '{as_of}' AND ds < DATE '{known_at}'
), followed AS (
    SELECT impression_id, is_click, last_value(click IGNORE NULLS) OVER (
        PARTITION BY user_id ORDER BY ts DESC, is_click, impression_id DESC
        ROWS UNBOUNDED PRECEDING
    ) AS next
    FROM together
)
SELECT impression_id, [next.item] AS items, [next.source] AS sources, 1::BIGINT AS updates,
    next.ts AS last_event
FROM followed WHERE is_click = 0 AND next IS NOT NULL
ORDER BY impression_id
"""
"""An ASOF join says it in fewer words, but had not ended after ten minutes on 20 million rows."""

QUERIES = {"history": HISTORY, "similar_items": SIMILAR_ITEMS, "next_click": NEXT_CLICK}


def connected(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database over the impressions of the lake below a folder, on all cores."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"SET threads = {os.cpu_count()}")
    database.execute(f"SET memory_limit = '{MEMORY}'")
    database.execute(f"SET temp_directory = '{folder / 'duckdb-spill'}'")
    files = folder / "lake/impressions/*/*/*.parquet"
    database.execute(
        f"CREATE VIEW impressions AS FROM read_parquet('{files}', hive_partitioning = true)"
    )
    return database


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--lookback", type=int, required=True)
    options = parser.parse_args()
    tables = options.folder / "duckdb"
    tables.mkdir(exist_ok=True)
    begin = time.perf_counter()
    database = connected(options.folder)
    database.execute("SELECT 1").fetchall()
    started = time.perf_counter()
    runs = {}
    for job, query in QUERIES.items():
        job_begin = time.perf_counter()
        if job == "similar_items":
            database.execute(f"CREATE VIEW history AS FROM '{tables / 'history.parquet'}'")
        of_the_day = query.format(
            as_of=options.as_of,
            known_at=options.as_of + timedelta(days=options.horizon),
            lookback=options.lookback,
        )
        [(rows,)] = database.execute(
            f"COPY ({of_the_day}) TO '{tables / job}.parquet'"
            " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)"
        ).fetchall()
        runs[job] = measure.JobRun(rows, time.perf_counter() - job_begin, measure.peak_mib())
    measure.hand_over(measure.EngineRun(f"DuckDB {duckdb.__version__}", started - begin, runs))


if __name__ == "__main__":
    main()
