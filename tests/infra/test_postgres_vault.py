"""The vault in a database: the law of every vault on both adapters, and what two writers of a shard do to each other."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra import postgres_vault
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_vault import PostgresVault, has_keys, is_destroyed
from infra.sealing import KeyDestroyed, Sealing
from infra.vault import Vault, VaultError
from processors.ports import LogUnusable, LostShard
from tests.conformance.vault import CONTEXT, MASTER, PLAIN, VaultConformance
from tests.infra.a_postgres_log import schema_of
from tests.postgres_server import Server

Reopen = Callable[..., PostgresVault]


class TestSqliteVault(VaultConformance):
    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Iterator[Callable[..., Sealing]]:
        vaults: list[Vault] = []

        def opened(*, master: bytes = MASTER, small: bool = False) -> Vault:
            caches = {"cached_keys": 2, "cached_ciphers": 1} if small else {}
            vaults.append(Vault(str(tmp_path / "vault"), master, **caches))
            return vaults[-1]

        yield opened
        for each in vaults:
            each.close()

    @pytest.fixture
    def wrapped(self, tmp_path: Path) -> Callable[[], dict[str, bytes]]:
        def stored() -> dict[str, bytes]:
            db = sqlite3.connect(tmp_path / "vault")
            try:
                return dict(db.execute("SELECT customer_id, wrapped FROM keys"))
            finally:
                db.close()

        return stored


@pytest.fixture
def sessions(url: str) -> Iterator[Callable[[], Session]]:
    opened: list[Session] = []

    def session() -> Session:
        opened.append(Session(address_of(url)))
        return opened[-1]

    yield session
    for each in opened:
        each.close()


@pytest.fixture
def reopen(sessions: Callable[[], Session]) -> Reopen:
    def vault(*, master: bytes = MASTER, small: bool = False, shard: int = 0, shards: int = 1) -> PostgresVault:
        caches = {"cached_keys": 2, "cached_ciphers": 1} if small else {}
        return PostgresVault(sessions(), "log, shard 0", shard, master, shards=shards, **caches)

    return vault


@pytest.fixture
def wrapped(postgres: Server, url: str) -> Callable[[], dict[str, bytes]]:
    return lambda: {
        bytes(who).decode(): bytes(key)  # type: ignore[arg-type]
        for who, key in postgres.run(f"SELECT customer_id, wrapped FROM {schema_of(url)}.vault_key WHERE shard = 0")
    }


class TestPostgresVault(VaultConformance):
    @pytest.fixture
    def reopen(self, reopen: Reopen) -> Reopen:
        return reopen

    @pytest.fixture
    def wrapped(self, wrapped: Callable[[], dict[str, bytes]]) -> Callable[[], dict[str, bytes]]:
        return wrapped


def test_a_writer_that_lost_its_shard_gets_no_key_past_the_other(reopen: Reopen) -> None:
    one, other = reopen(), reopen()
    for each in (one, other):
        each.seal("known to nobody", PLAIN, CONTEXT)
    sealed = one.seal("C1", PLAIN, CONTEXT)
    other.seal("C1", PLAIN, CONTEXT)
    one.commit()
    for _ in range(2):
        with pytest.raises(LostShard, match=r"another process made keys.*run the same command again"):
            other.commit()
    assert reopen().open("C1", sealed, CONTEXT) == PLAIN


def test_two_that_make_the_same_keys_at_once_do_not_lock_up(reopen: Reopen) -> None:
    vaults = [reopen() for _ in range(4)]
    customers = [f"C{at}" for at in range(500)]
    for at, each in enumerate(vaults):
        for who in customers if at % 2 else reversed(customers):
            each.seal(who, PLAIN, CONTEXT)
    ended: list[type[BaseException] | None] = []

    def commit(vault: PostgresVault) -> None:
        try:
            vault.commit()
            ended.append(None)
        except BaseException as error:
            ended.append(type(error))

    threads = [threading.Thread(target=commit, args=(each,)) for each in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, ended)) == sorted(map(str, [None, LostShard, LostShard, LostShard]))


def test_a_commit_whose_answer_was_lost_may_be_repeated(
    postgres: Server, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = reopen()
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    pending = dict(vault._pending)
    vault.commit()
    vault._pending.update(pending)  # as where the connection broke behind the commit
    vault.commit()
    with vault._session.get_connection() as connection:
        pid = connection.info.backend_pid
    vault.seal("C2", PLAIN, CONTEXT)
    postgres.run(f"SELECT pg_terminate_backend({pid}, 5000)")
    with pytest.raises(LogUnusable):
        vault.commit()
    vault.commit()
    assert reopen().open("C1", sealed, CONTEXT) == PLAIN


def test_shards_have_keys_of_their_own(reopen: Reopen) -> None:
    one, other = reopen(shard=0), reopen(shard=1)
    sealed = one.seal("", PLAIN, CONTEXT)
    other.seal("", PLAIN, CONTEXT)
    one.commit()
    other.commit()
    with pytest.raises(VaultError):
        reopen(shard=1).open("", sealed, CONTEXT)


def test_a_key_is_destroyed_in_every_shard(reopen: Reopen, postgres: Server, url: str) -> None:
    """A record that was published in another partition was sealed there, and the next one must not be."""
    own, other, third = (reopen(shard=number, shards=3) for number in range(3))
    sealed = other.seal("C1", PLAIN, CONTEXT)
    other.commit()
    third.seal("known to nobody", PLAIN, CONTEXT)  # it read what there is before
    assert not is_destroyed(own._session, 1, "C1")
    own.destroy("C1")
    own.destroy("C1")
    with pytest.raises(KeyDestroyed):
        reopen(shard=1).open("C1", sealed, CONTEXT)
    third.seal("C1", PLAIN, CONTEXT)
    with pytest.raises(LostShard):
        third.commit()
    found = postgres.run(
        f"SELECT shard, wrapped FROM {schema_of(url)}.vault_key WHERE customer_id = '\\x4331' ORDER BY shard"
    )
    assert [(number, bytes(key)) for number, key in found] == [(number, bytes(60)) for number in range(3)]
    assert all(is_destroyed(own._session, number, "C1") for number in range(3))


def test_keys_are_read_page_by_page_and_what_came_since_is_laid_beside(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_vault, "_AT_ONCE", 3)
    sealed: dict[str, bytes] = {}
    for start in range(0, 20, 5):
        vault = reopen(small=True)
        for at in range(start, start + 5):
            sealed[f"C{at}"] = vault.seal(f"C{at}", PLAIN, CONTEXT)
            vault.commit()
        assert all(vault.open(who, each, CONTEXT) == PLAIN for who, each in sealed.items())
    assert len(vault._since) <= 5
    assert len(vault._held or ()) >= 15


def test_customers_of_one_hash_are_told_apart(reopen: Reopen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_vault, "xxh3_64_intdigest", lambda _: 7)
    vault = reopen()
    sealed = {who: vault.seal(who, who.encode(), CONTEXT) for who in ("C1", "C2")}
    vault.commit()
    again = reopen()
    assert again.open("C1", sealed["C1"], CONTEXT) == b"C1"
    again.seal("C3", PLAIN, CONTEXT)
    again.commit()
    assert again.open("C2", sealed["C2"], CONTEXT) == b"C2"


def test_a_damaged_key_is_told(postgres: Server, url: str, reopen: Reopen) -> None:
    vault = reopen()
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    schema = schema_of(url)
    for harm in ("substring(wrapped for 59)", "set_byte(wrapped, 30, get_byte(wrapped, 30) # 1)"):
        postgres.run(
            f"ALTER TABLE {schema}.vault_key DISABLE TRIGGER ALL", f"UPDATE {schema}.vault_key SET wrapped = {harm}"
        )
        with pytest.raises(VaultError, match=r"C1 in the vault .* is damaged"):
            reopen().open("C1", sealed, CONTEXT)


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault_key SET wrapped = '\\x00'",
        "UPDATE vault_key SET shard = 3",
        f"UPDATE vault_key SET customer_id = 'C9', wrapped = '\\x{'00' * 60}'",
        "DELETE FROM vault_key",
        "TRUNCATE vault_key",
        "UPDATE vault_master SET check_value = '\\x00'",
        "DELETE FROM vault_master",
        "INSERT INTO vault_key SELECT * FROM vault_key ON CONFLICT (shard, customer_id) DO UPDATE SET wrapped = '\\x01'",
    ],
)
def test_not_even_the_owner_replaces_a_key(
    postgres: Server, url: str, reopen: Reopen, statement: str, role: str
) -> None:
    vault = reopen()
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    changed = statement.replace("vault_", f"{schema_of(url)}.vault_")
    with pytest.raises(psycopg.IntegrityError, match=r"append-only|never replaced"):
        postgres.run(f"SET session_replication_role = {role}", changed)
    assert reopen().open("C1", sealed, CONTEXT) == PLAIN


def test_the_role_that_writes_makes_and_destroys_keys_and_cannot_do_more(
    postgres: Server, url: str, writer: str
) -> None:
    create_log(url, writer=writer)
    theirs = postgres.url(schema=schema_of(url), user=writer)
    session = Session(address_of(theirs))
    assert not has_keys(session)
    vault = PostgresVault(session, "log", 0, MASTER)
    vault.seal("C1", PLAIN, CONTEXT)
    vault.seal("C2", PLAIN, CONTEXT)
    vault.commit()
    assert has_keys(session)
    vault.destroy("C1")
    vault.refresh()
    with pytest.raises(KeyDestroyed):
        vault.seal("C1", PLAIN, CONTEXT)
    session.close()
    with psycopg.connect(theirs.partition("?")[0], autocommit=True) as raw:
        for statement in (
            "DELETE FROM vault_key", "UPDATE vault_key SET customer_id = 'C9'", "TRUNCATE vault_key",
            "UPDATE vault_key SET wrapped = '\\x00'", "DROP TABLE vault_key", "UPDATE vault_master SET check_value = ''",
        ):  # fmt: skip
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)):
                raw.execute(statement.replace("vault_", f"{schema_of(url)}.vault_"))  # type: ignore[arg-type]
