"""Nothing personal of a customer who was erased can be read any more, wherever it is looked for, and nothing of others in clear.

Keys are looked at in the table and tried by the program's own vault; what was published besides (``tests.chaos.people``)
has a mark in every personal field, which must stand nowhere.
"""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from events.fields import Record
from infra.master_key import master_key
from infra.postgres_session import Session, address_of
from infra.postgres_vault import PostgresVault
from infra.sealing import KeyDestroyed
from processors.stored import decode_line, opened
from tests.chaos.people import MARK
from tests.chaos.written import REJECTED, TIER_CHANGES, TRIGGERS, Journal, Line, Topics
from tests.simulation.auditor import Wrong, expect

OPENED_A_SHARD: Final = 20
"""So much of those who are not erased is opened, too: who tries knows how."""
TABLES: Final = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND "
    "(table_name LIKE 'view%%' OR table_name = 'command')"
)


def nothing_readable(log: str, journal: Journal, topics: Topics, data: Path) -> int:
    """data: the folder of the workers -> how many customers are erased. Raises Wrong."""
    erased = [
        {line["customer_id"] for block in blocks for line in block.lines if line["type"] == "customer_erased"}
        for blocks in journal.shards
    ]
    _destroyed(journal, erased)
    _in_clear(journal, topics, data)
    master, _ = master_key({}, data / "master.key", vault_has_keys=True)
    session = Session(address_of(log))
    try:
        for number, gone in enumerate(erased):
            vault = PostgresVault(session, f"shard {number}", number, master, shards=len(erased))
            _opens(number, gone, journal, vault)
    finally:
        session.close()
    return sum(map(len, erased))


def _destroyed(journal: Journal, erased: list[set[str]]) -> None:
    """A key is gone in every shard in which it was."""
    with psycopg.connect(journal.address, autocommit=True) as connection:
        rows = connection.execute(f"SELECT shard, customer_id, wrapped FROM {journal.schema}.vault_key").fetchall()
    found = {(shard, bytes(customer).decode()): not any(bytes(wrapped)) for shard, customer, wrapped in rows}
    everyone = set().union(*erased)
    for number, gone in enumerate(erased):
        kept = sorted(customer for customer in gone if not found.get((number, customer)))
        expect(f"shard {number}: keys of erased customers that are not destroyed", kept, [])
    elsewhere = [place for place, is_gone in found.items() if place[1] in everyone and not is_gone]
    expect("keys of erased customers in other shards", elsewhere, [])
    wrongly = [place for place, is_gone in found.items() if is_gone and place[1] not in everyone]
    expect("keys destroyed of customers who are not erased", wrongly, [])


def _in_clear(journal: Journal, topics: Topics, data: Path) -> None:
    """No personal field stands in clear in the log, in the rows of questions, on our topics or in the workers' files."""
    for number, blocks in enumerate(journal.shards):
        for block in blocks:
            for line in block.lines:
                if MARK in json.dumps(line):
                    raise Wrong(f"shard {number}, block {block.number}: personal data in clear in {line['type']}")
    for topic in (TIER_CHANGES, TRIGGERS, REJECTED):
        for messages in topics.of(topic).values():
            if any(MARK.encode() in (message.value or b"") for message in messages):
                raise Wrong(f"{topic}: personal data in clear")
    with psycopg.connect(journal.address, autocommit=True) as connection:
        for (table,) in connection.execute(TABLES, (journal.schema,)).fetchall():
            asked = f"SELECT count(*) FROM {journal.schema}.{table} AS t WHERE position(%s IN t::text) > 0"
            expect(f"rows of {table} with personal data in clear", connection.execute(asked, (MARK,)).fetchone(), (0,))
            columns = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
                "AND data_type = 'bytea'", (journal.schema, table),
            ).fetchall()  # fmt: skip
            for (column,) in columns:
                asked = f"SELECT count(*) FROM {journal.schema}.{table} WHERE position(%s::bytea IN {column}) > 0"
                found = connection.execute(asked, (MARK.encode(),)).fetchone()
                expect(f"{table}.{column} with personal data in clear", found, (0,))
    for file in data.rglob("*"):
        if file.is_file() and MARK.encode() in file.read_bytes():
            raise Wrong(f"{file}: personal data in clear")


def _opens(number: int, gone: set[str], journal: Journal, vault: PostgresVault) -> None:
    """What is sealed opens for nobody where the customer is erased, and else with its mark."""
    tried = 0
    for line in (line for block in journal.shards[number] for line in block.lines):
        customer = line.get("customer_id") or line.get("sealed_for") or ""
        if customer not in gone and tried >= OPENED_A_SHARD:
            continue
        for clear in _clear(line, vault):
            if customer in gone:
                raise Wrong(f"shard {number}: personal data of {customer}, who was erased, opens: {line['type']}")
            tried += 1
            if "sealed" in line and line["source"] in ("crm", "loans") and MARK not in clear:
                raise Wrong(f"shard {number}: {line['type']} of {customer} opens as something else: {clear}")


def _clear(line: Line, vault: PostgresVault) -> Iterator[str]:
    """What is sealed in a line, opened; nothing where it opens for nobody. Raises Wrong for what anybody's key opens."""
    try:
        if line["type"] == "record_refused" and line.get("original"):
            owner = line.get("sealed_for") or ""
            clear = vault.open(owner, b64decode(line["original"]), b"refused").decode("utf-8", "replace")
            if owner:
                yield clear
            elif MARK in clear:
                raise Wrong(f"personal data of a refused record under the log's own key: {clear}")
        elif "sealed" in line:
            record = decode_line(msgspec.json.encode(line))
            assert isinstance(record, Record)
            yield json.dumps(opened(record, vault))
    except KeyDestroyed:
        return
