"""A connection to the PostgreSQL database of a log, under the eventsourcing library's datastore, and what its errors mean.

One plain connection instead of the library's pool: opened when first used and again after it was lost, no threads, and a
failure says at once why, where a pool says only that it waited in vain. Nothing of psycopg is raised from here.
"""

import contextlib
import re
from collections.abc import Iterator
from threading import RLock
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec
import psycopg
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format, TransactionStatus
from psycopg.rows import DictRow, dict_row

from processors.ports import LogAway, LogDamaged, LogUnusable

SCHEMA: Final = "guanxi"
"""Where a log is unless its URL names another schema."""
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 10

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_DAMAGE = ("XX001", "XX002")  # data_corrupted, index_corrupted
_ADVICE = (
    ("53100", "make room on the server's disk"),
    ("53300", "let fewer processes connect, or raise max_connections of the server"),
    ("28", "check user and password: PGPASSWORD and ~/.pgpass are read"),
    ("3D000", "create the database, or name another one"),
    ("42P01", "let the owner of the log migrate it"),
    ("42501", "let the owner of the log grant this to the user, or connect as one who may"),
    ("25006", "connect to the primary server as one who writes"),
    ("57014", "it took longer than statement_timeout allows: see what the server is busy with"),
    ("55P03", "another process holds this shard and has not finished: see pg_stat_activity"),
)
# Else who waits for a server that went without a word (its machine, the network) waits for hours.
_CONNECTION: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "guanxi",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_SECONDS * 1000,
}
# Who is not let in gets words and no code.
_TURNED_AWAY = (
    ("too many c", "53300"),
    ("connection slots are reserved", "53300"),
    ("password", "28"),
    ("pg_hba.conf", "28"),
    ('role "', "28"),
    ('database "', "3D000"),
)
_AWAY = ("08", "57P", "53300")
"""SQLSTATEs of a server that is started, stopped or lost, or is full."""
# Without a code and not cured by waiting: what the client itself makes of the address.
_NEVER = (
    "Name or service not known", "No address associated with hostname", "invalid ", "does not support SSL", "certificate",
)  # fmt: skip
# What the server should not leave at "for ever" or "not durable"; what is set on purpose stays.
_SETTINGS = (
    ("statement_timeout", "0", f"{STATEMENT_SECONDS}s"),
    ("lock_timeout", "0", f"{LOCK_SECONDS}s"),
    ("idle_in_transaction_session_timeout", "0", f"{STATEMENT_SECONDS}s"),
    ("synchronous_commit", "off", "on"),
)


class Address(msgspec.Struct, frozen=True):
    """Where a log is. conninfo: for libpq, may hold a password; shown: the URL without it, for people."""

    conninfo: str
    schema: str
    shown: str


def address_of(url: str) -> Address:
    """`postgresql://user@host:port/database?schema=name` and what else libpq takes. Raises LogUnusable."""
    form = "write it like postgresql://user@host:5432/database?schema=guanxi"
    try:
        parts = urlsplit(url)
        fields = parse_qsl(parts.query, keep_blank_values=True)
        query = urlencode([field for field in fields if field[0] != "schema"], quote_via=quote)
        query = urlencode([field for field in fields if field[0] != "schema"], quote_via=quote)
        theirs: dict[str, Any] = conninfo_to_dict(urlunsplit(parts._replace(query=query)))
        conninfo = make_conninfo(**(_CONNECTION | theirs))
    except (ValueError, psycopg.Error):
        raise LogUnusable(f"not the URL of a log on PostgreSQL; {form}") from None  # it may hold a password
    schema = next((value for name, value in fields if name == "schema"), SCHEMA)
    if parts.scheme not in ("postgresql", "postgres"):
        raise LogUnusable(f"not the URL of a log on PostgreSQL; {form}")
    if not _SCHEMA_NAME.fullmatch(schema):
        raise LogUnusable(f"{schema}: no name of a schema: a-z, 0-9 and _, at most 40; {form}")
    user, at, place = parts.netloc.rpartition("@")
    shown = f"{parts.scheme}://{user.partition(':')[0]}{at}{place}{parts.path}"
    return Address(conninfo, schema, shown if schema == SCHEMA else f"{shown}?schema={schema}")


def failure(where: str, error: BaseException, do: str = "") -> LogUnusable | LogDamaged:
    """What to raise for an error of psycopg or of the library around it; do: what to do, before what the error advises."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, psycopg.Error):
        cause = cause.__cause__
    state = (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""
    said = (cause.diag.message_primary if isinstance(cause, psycopg.Error) else None) or str(error)
    said = (
        said.strip().rpartition("\n")[2].strip() if "FATAL: " in said else " ".join(said.split())
    )  # once for each try
    said = said or type(error).__name__
    state = state or next((code for words, code in _TURNED_AWAY if "FATAL: " in said and words in said), "")
    if state in _DAMAGE:
        return LogDamaged(f"{where}: {said}; the server's files are damaged: restore the log from a copy")
    advice = next((told for prefix, told in _ADVICE if state.startswith(prefix)), "")
    advice = advice or ("" if state else "check that the server runs and can be reached")
    told = f"{where}: {'; '.join(filter(None, (said, do, advice)))}"
    away = state.startswith(_AWAY) if state else not any(words in said for words in _NEVER)
    return LogAway(told) if away and isinstance(cause, psycopg.OperationalError) else LogUnusable(told)


class _BinaryCursor(Cursor[DictRow]):
    """Values come as the server holds them: blocks as bytes, not as hexadecimal digits."""

    def __init__(self, connection: Connection[Any], **named: Any) -> None:
        super().__init__(connection, **named)
        self.format = Format.BINARY


class _OneConnection:
    """Stands where the library's datastore has its pool."""

    def __init__(self, address: Address, *, read_only: bool) -> None:
        self._address = address
        self._read_only = read_only
        self._mutex = RLock()
        self._held: Connection[DictRow] | None = None

    def open(self, wait: bool = False, timeout: float = 0) -> None:
        """The connection is opened when it is asked for."""

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection[DictRow]]:
        """The connection, for one thread at a time. psycopg's errors become the log's, except IntegrityError."""
        with self._mutex:
            try:
                if self._held is None or self._held.closed:
                    self._held = self._connect()
                yield self._held
            except psycopg.IntegrityError:
                raise
            except psycopg.Error as error:
                raise failure(self._address.shown, error) from error
            finally:
                if self._held is not None and self._held.info.transaction_status is not TransactionStatus.IDLE:
                    self.close()

    def _connect(self) -> Connection[DictRow]:
        connection = psycopg.connect(
            self._address.conninfo, autocommit=True, row_factory=dict_row, cursor_factory=_BinaryCursor
        )
        try:
            for name, unwanted, wanted in (
                *_SETTINGS,
                *((("default_transaction_read_only", "off", "on"),) if self._read_only else ()),
            ):
                connection.execute(
                    "SELECT set_config(%s, %s, false) WHERE current_setting(%s) = %s", (name, wanted, name, unwanted)
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Let go of the connection; the next use opens another one."""
        if self._held is not None:
            self._held.close()
            self._held = None


class Session(PostgresDatastore):
    """The library's datastore over one connection. Raises LogUnusable, LogDamaged and the library's IntegrityError.

    Not to be used on both sides of a fork.
    """

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        super().__init__(dbname="", host="", port="", user="", password="", schema=address.schema)
        self.address = address
        self.pool = _OneConnection(address, read_only=read_only)  # type: ignore[assignment]

    def register_type_adapters(self) -> None:
        """None: blocks are inserted as plain values, not as the library's composite type."""


__all__ = ["SCHEMA", "Address", "Session", "address_of", "failure"]
