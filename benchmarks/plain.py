"""The rival: a plain script that writes each record as a row to SQLite. No tiers, no duplicates found, nothing else.

`heap` is the least there is: no key at all, so nothing can be found but by reading everything. `keyed` has the primary
key of an event store, customer and version, by which one customer's events are read back.
"""

from __future__ import annotations

import sqlite3
from itertools import islice

import msgspec

from benchmarks.measure import Figures, Watch

BATCH_LINES = 5_000
_CACHE_KIB = 262_144
_COLUMNS = (
    "customer_id TEXT, version INTEGER, event_id TEXT, type TEXT, account_id TEXT, amount INTEGER, value_date TEXT"
)


class _Line(msgspec.Struct, gc=False):
    event_id: str
    type: str
    customer_id: str = ""
    account_id: str = ""
    amount: int = 0
    value_date: str = ""


def take(source: str, database: str, keyed: bool) -> Figures:
    """Decode every line of a file and write it as a row; a transaction a batch, durable."""
    decode = msgspec.json.Decoder(_Line).decode
    versions: dict[str, int] = {}
    count = 0
    connection = sqlite3.connect(database, isolation_level=None)
    with Watch() as watch, open(source, "rb", buffering=1 << 20) as file:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        key = ", PRIMARY KEY (customer_id, version)) WITHOUT ROWID" if keyed else ")"
        connection.execute(f"CREATE TABLE events ({_COLUMNS}{key}")
        while lines := list(islice(file, BATCH_LINES)):
            rows = []
            for line in map(decode, lines):
                version = versions[line.customer_id] = versions.get(line.customer_id, 0) + 1
                rows.append(
                    (line.customer_id, version, line.event_id, line.type, line.account_id, line.amount, line.value_date)
                )
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
            count += len(rows)
        connection.close()
    return watch.figures(records=count)
