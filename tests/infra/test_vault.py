"""The vault: what it keeps secret, what it forgets, and what it says when keys are missing."""

import base64
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.vault import KeyDestroyed, Vault, VaultError, has_keys, master_key
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
MASTER = bytes(range(32))
OTHER = bytes(32)
PLAIN = "王小明 · 身份证 110101199003070001".encode()
CONTEXT = b"core:event-1:name"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "vault.sqlite")


def all_bytes(path: str) -> bytes:
    """The vault's file and what SQLite keeps beside it."""
    return b"".join(file.read_bytes() for file in sorted(Path(path).parent.glob(Path(path).name + "*")))


def wrapped_keys(path: str) -> dict[str, bytes]:
    db = sqlite3.connect(path)
    rows = dict(db.execute("SELECT customer_id, wrapped FROM keys").fetchall())
    db.close()
    return rows


# Sealing


def test_what_was_sealed_opens_after_a_restart(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    assert vault.open("C1", sealed, CONTEXT) == PLAIN
    vault.commit()
    vault.close()
    assert Vault(path, MASTER).open("C1", sealed, CONTEXT) == PLAIN


def test_sealed_bytes_are_as_written_down(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    wrapped = wrapped_keys(path)["C1"]
    key = AESGCM(MASTER).decrypt(wrapped[:12], wrapped[12:], b"key\0C1")
    assert (sealed[0], len(sealed), len(wrapped), len(key)) == (1, 1 + 12 + len(PLAIN) + 16, 60, 32)
    assert AESGCM(key).decrypt(sealed[1:13], sealed[13:], CONTEXT) == PLAIN


def test_the_same_text_never_seals_to_the_same_bytes(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = {vault.seal("C1", PLAIN, CONTEXT) for _ in range(3_000)}
    assert len({each[1:13] for each in sealed}) == 3_000


def test_nothing_at_all_can_be_sealed(path: str) -> None:
    vault = Vault(path, MASTER)
    assert vault.open("C1", vault.seal("C1", b"", b""), b"") == b""


def test_any_changed_byte_is_noticed(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(VaultError, match="unknown version" if at == 0 else "changed, or belongs elsewhere"):
            vault.open("C1", bytes(changed), CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20, 28])
def test_a_cut_off_text_is_noticed(path: str, length: int) -> None:
    vault = Vault(path, MASTER)
    with pytest.raises(VaultError, match="unknown version" if length == 0 else "changed"):
        vault.open("C1", vault.seal("C1", PLAIN, CONTEXT)[:length], CONTEXT)


def test_another_context_or_customer_does_not_open(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.seal("C2", PLAIN, CONTEXT)
    with pytest.raises(VaultError, match="belongs elsewhere"):
        vault.open("C1", sealed, CONTEXT + b"2")
    with pytest.raises(VaultError, match="belongs elsewhere"):
        vault.open("C2", sealed, CONTEXT)
    with pytest.raises(VaultError, match="no key for customer C3"):
        vault.open("C3", sealed, CONTEXT)


def test_a_key_moved_to_another_customer_does_not_open(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = [vault.seal(each, PLAIN, CONTEXT) for each in ("C1", "C2")]
    vault.commit()
    vault.close()
    db = sqlite3.connect(path)
    db.execute("UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE customer_id = 'C1') WHERE customer_id = 'C2'")
    db.commit()
    db.close()
    vault = Vault(path, MASTER)
    assert vault.open("C1", sealed[0], CONTEXT) == PLAIN
    with pytest.raises(VaultError, match=r"key of customer C2 .* is damaged"):
        vault.open("C2", sealed[1], CONTEXT)


def test_small_caches_change_nothing(path: str) -> None:
    vault = Vault(path, MASTER, cached_keys=4, cached_ciphers=2)
    names = [f"C{number}" for number in range(30)]
    sealed = {name: vault.seal(name, name.encode(), CONTEXT) for name in names}
    assert len(vault._keys) == 4
    assert len(vault._ciphers) == 2
    assert [vault.open(name, sealed[name], CONTEXT).decode() for name in names] == names
    vault.commit()
    assert [vault.open(name, sealed[name], CONTEXT).decode() for name in reversed(names)] == names[::-1]
    assert len(wrapped_keys(path)) == 30


def test_prefetch_finds_the_known_and_leaves_the_new(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal('C\'1 "客"', PLAIN, CONTEXT)
    vault.seal("gone", PLAIN, CONTEXT)
    vault.commit()
    vault.destroy("gone")
    vault.close()
    vault = Vault(path, MASTER)
    vault.prefetch(['C\'1 "客"', "new", "gone"])
    reads: list[str] = []
    vault._db.set_trace_callback(reads.append)
    assert vault.open('C\'1 "客"', sealed, CONTEXT) == PLAIN
    new = vault.seal("new", PLAIN, CONTEXT)
    assert reads == []
    with pytest.raises(KeyDestroyed):
        vault.seal("gone", PLAIN, CONTEXT)
    vault.prefetch(["new"])
    assert vault.open("new", new, CONTEXT) == PLAIN
    vault.commit()
    assert len(wrapped_keys(path)) == 3


def test_a_prefetched_new_customer_gets_one_key_even_if_caches_are_small(path: str) -> None:
    vault = Vault(path, MASTER, cached_keys=1, cached_ciphers=1)
    names = ["C1", "C2", "C3"]
    vault.prefetch(names)
    first = {name: vault.seal(name, PLAIN, CONTEXT) for name in names}
    second = {name: vault.seal(name, PLAIN, CONTEXT) for name in names}
    vault.commit()
    vault = Vault(path, MASTER)
    assert [vault.open(name, each[name], CONTEXT) for name in names for each in (first, second)] == [PLAIN] * 6


# Keys on disk


def test_nothing_readable_lies_in_the_files(path: str) -> None:
    vault = Vault(path, MASTER)
    names = [f"C{number}" for number in range(50)]
    for name in names:
        vault.seal(name, PLAIN, CONTEXT)
    vault.commit()
    stored = all_bytes(path)
    for name, wrapped in wrapped_keys(path).items():
        assert wrapped in stored
        assert AESGCM(MASTER).decrypt(wrapped[:12], wrapped[12:], b"key\0" + name.encode()) not in stored
    assert PLAIN not in stored
    assert MASTER not in stored
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path + "-wal").st_mode) == 0o600


CHILD = textwrap.dedent("""
    import os, signal, sys
    from infra.vault import Vault
    vault = Vault(sys.argv[1], bytes(range(32)))
    kept = vault.seal("kept", b"text", b"context")
    vault.commit()
    lost = vault.seal("lost", b"text", b"context")
    print(kept.hex(), lost.hex(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
""")


def ended(program: str, path: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", program, path]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_kill_keeps_committed_keys_and_no_others(path: str) -> None:
    child = ended(CHILD, path)
    assert child.returncode == -signal.SIGKILL, child.stderr
    kept, lost = (bytes.fromhex(each) for each in child.stdout.split())
    vault = Vault(path, MASTER)
    assert vault.open("kept", kept, b"context") == b"text"
    with pytest.raises(VaultError, match="no key for customer lost"):
        vault.open("lost", lost, b"context")
    assert list(wrapped_keys(path)) == ["kept"]


def test_commit_of_nothing_writes_nothing(path: str) -> None:
    vault = Vault(path, MASTER)
    statements: list[str] = []
    vault._db.set_trace_callback(statements.append)
    vault.commit()
    assert statements == []
    vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    assert statements
    statements.clear()
    vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    assert statements == []


def test_a_second_writer_never_replaces_a_key(path: str) -> None:
    first, second = Vault(path, MASTER), Vault(path, MASTER)
    sealed = first.seal("C1", PLAIN, CONTEXT)
    second.seal("C1", PLAIN, CONTEXT)
    first.commit()
    with pytest.raises(VaultError, match="another process writes"):
        second.commit()
    assert Vault(path, MASTER).open("C1", sealed, CONTEXT) == PLAIN


FORK = textwrap.dedent("""
    import os, sys
    from infra.vault import Vault, VaultError
    vault = Vault(sys.argv[1], bytes(range(32)))
    vault.seal("C1", b"text", b"")
    if os.fork() == 0:
        try:
            vault.seal("C1", b"text", b"")
        except VaultError as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()
""")


def test_the_child_of_a_fork_cannot_seal(path: str) -> None:
    assert "forked process" in ended(FORK, path).stdout


# The master key


def test_a_wrong_master_is_told_at_once(path: str) -> None:
    vault = Vault(path, MASTER)
    vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    with pytest.raises(VaultError, match="another master key"):
        Vault(path, OTHER)
    with pytest.raises(VaultError, match="32 bytes, not 31"):
        Vault(path, OTHER[:31])


def test_two_masters_cannot_meet_in_a_new_vault(path: str) -> None:
    first, second = Vault(path, MASTER), Vault(path, OTHER)
    first.seal("C1", PLAIN, CONTEXT)
    second.seal("C2", PLAIN, CONTEXT)
    first.commit()
    with pytest.raises(VaultError, match="another master key"):
        second.commit()
    assert list(wrapped_keys(path)) == ["C1"]


def test_the_first_run_makes_a_key_file_for_its_owner_alone(tmp_path: Path) -> None:
    key_file = tmp_path / "guanxi.key"
    key, made = master_key({}, key_file, vault_has_keys=False)
    assert made
    assert len(key) == 32
    assert key_file.read_bytes() == base64.b64encode(key) + b"\n"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["guanxi.key"]
    assert master_key({}, key_file, vault_has_keys=False) == (key, False)
    assert master_key({}, key_file, vault_has_keys=True) == (key, False)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    key_file = tmp_path / "guanxi.key"
    environ = {"GUANXI_KEY": base64.b64encode(MASTER).decode()}
    assert master_key(environ, key_file, vault_has_keys=True) == (MASTER, False)
    assert not key_file.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds 0 bytes"),
        (base64.b64encode(MASTER[:31]).decode(), "holds 31 bytes"),
        (base64.b64encode(MASTER + b"x").decode(), "holds 33 bytes"),
        ("not base64, clearly!", "is not base64"),
        ("钥匙", "is not base64"),
    ],
)
def test_a_bad_key_is_named_by_where_it_is(tmp_path: Path, text: str, says: str) -> None:
    key_file = tmp_path / "guanxi.key"
    with pytest.raises(VaultError, match=f"variable GUANXI_KEY {says}.*base64 of 32 bytes") as told:
        master_key({"GUANXI_KEY": text}, key_file, vault_has_keys=False)
    assert not text or text not in str(told.value)
    key_file.write_text(text, "utf-8")
    with pytest.raises(VaultError, match=rf"key file .*guanxi\.key {says}") as told:
        master_key({}, key_file, vault_has_keys=False)
    assert not text or text not in str(told.value)
    assert key_file.read_text("utf-8") == text


def test_what_a_process_of_the_same_number_left_is_not_in_the_way(tmp_path: Path) -> None:
    """In a container the program has the same number every time; it may have died while it made the key."""
    for draft in (f"key.{os.getpid()}.new", "key.new"):
        (tmp_path / draft).write_bytes(b"half a k")
    key, made = master_key({}, tmp_path / "key", vault_has_keys=False)
    assert (len(key), made) == (32, True)


@pytest.mark.parametrize("batch", [True, False])
def test_a_vault_damaged_in_its_middle_is_told(path: str, batch: bool) -> None:
    vault = Vault(path, MASTER)
    for number in range(400):
        vault.seal(f"C{number}", PLAIN, CONTEXT)
    vault.commit()
    vault.close()
    content = bytearray(Path(path).read_bytes())
    content[3 * 4096 :] = b"x" * (len(content) - 3 * 4096)
    Path(path).write_bytes(content)
    vault = Vault(path, MASTER)
    with pytest.raises(VaultError, match="restore"):
        vault.prefetch(["C399"]) if batch else vault.seal("C399", PLAIN, CONTEXT)
    vault.close()


@pytest.mark.parametrize("value", ["7", "'text'", "x'00'"])
@pytest.mark.parametrize("column", ["keys.wrapped", "master.check_value"])
def test_what_is_no_key_is_told(path: str, column: str, value: str) -> None:
    """A row may hold anything once the file is damaged."""
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    vault.close()
    table, name = column.split(".")
    raw = sqlite3.connect(path)
    raw.execute(f"UPDATE {table} SET {name} = {value}")
    raw.commit()
    raw.close()
    with pytest.raises(VaultError):
        Vault(path, MASTER).open("C1", sealed, CONTEXT)


def test_a_lost_key_file_is_never_made_anew(tmp_path: Path, path: str) -> None:
    key_file = tmp_path / "guanxi.key"
    assert not has_keys(path)
    master, _ = master_key({}, key_file, vault_has_keys=has_keys(path))
    vault = Vault(path, master)
    assert not has_keys(path)
    vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    assert has_keys(path)
    key_file.unlink()
    with pytest.raises(VaultError, match=r"guanxi\.key is missing.*put it back") as told:
        master_key({}, key_file, vault_has_keys=has_keys(path))
    assert "GUANXI_KEY" in str(told.value)
    assert not key_file.exists()


def test_two_first_runs_at_once_get_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = tmp_path / "guanxi.key"
    link = os.link

    def other_is_first(source: Path, target: Path) -> None:
        target.write_bytes(base64.b64encode(MASTER) + b"\n")
        link(source, target)

    monkeypatch.setattr(os, "link", other_is_first)
    assert master_key({}, key_file, vault_has_keys=False) == (MASTER, False)
    assert os.listdir(tmp_path) == ["guanxi.key"]


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"absent/guanxi\.key cannot be made"):
        master_key({}, tmp_path / "absent" / "guanxi.key", vault_has_keys=False)


def test_a_file_that_is_no_vault_is_named(path: str) -> None:
    Path(path).write_bytes(b"this is no database, whatever its name says" * 100)
    for look in (lambda: Vault(path, MASTER), lambda: has_keys(path)):
        with pytest.raises(VaultError, match=r"cannot be used as a vault \(.*\): restore its copy$"):
            look()


# Destroying


def test_destroyed_is_for_good(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    beside = vault.seal("C2", PLAIN, CONTEXT)
    vault.commit()
    for _ in range(2):
        vault.destroy("C1")
        for each in (vault, Vault(path, MASTER)):
            with pytest.raises(KeyDestroyed, match="C1"):
                each.open("C1", sealed, CONTEXT)
            with pytest.raises(KeyDestroyed):
                each.seal("C1", PLAIN, CONTEXT)
            assert each.open("C2", beside, CONTEXT) == PLAIN


def test_a_key_not_yet_committed_can_be_destroyed(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.destroy("C1")
    vault.destroy("never seen")
    vault.commit()
    vault = Vault(path, MASTER)
    with pytest.raises(KeyDestroyed):
        vault.open("C1", sealed, CONTEXT)
    with pytest.raises(KeyDestroyed):
        vault.seal("never seen", PLAIN, CONTEXT)


def test_no_copy_of_a_destroyed_key_stays_in_the_files(path: str) -> None:
    vault = Vault(path, MASTER)
    # Ids in no order, keys in many commits: so pages split and rows move, and SQLite must clear where they were.
    names = [f"C{number * 7919 % 2003:04d}" for number in range(2_000)]
    for at in range(0, len(names), 50):
        for name in names[at : at + 50]:
            vault.seal(name, PLAIN, CONTEXT)
        vault.commit()
    wrapped = wrapped_keys(path)
    gone, kept = names[::50], names[1::50]
    before = all_bytes(path)
    assert all(wrapped[name] in before for name in gone)
    for name in gone:
        vault.destroy(name)
    after = all_bytes(path)
    assert [name for name in gone if wrapped[name] in after or wrapped[name][12:28] in after] == []
    assert all(wrapped[name] in after for name in kept)


def test_a_reader_notices_what_was_destroyed(path: str) -> None:
    writer = Vault(path, MASTER)
    sealed = writer.seal("C1", PLAIN, CONTEXT)
    writer.commit()
    reader = Vault(path, MASTER)
    assert reader.open("C1", sealed, CONTEXT) == PLAIN
    reader.refresh()
    assert reader._ciphers
    writer.destroy("C1")
    reader.refresh()
    with pytest.raises(KeyDestroyed):
        reader.open("C1", sealed, CONTEXT)


def test_a_reader_in_the_way_of_destroying_is_told(path: str) -> None:
    vault = Vault(path, MASTER)
    sealed = vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    wrapped = wrapped_keys(path)["C1"]
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM keys").fetchall()
    vault._db.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(VaultError, match="destroy it again"):
        vault.destroy("C1")
    with pytest.raises(KeyDestroyed):
        vault.open("C1", sealed, CONTEXT)
    assert wrapped in all_bytes(path)
    reader.execute("COMMIT")
    vault.destroy("C1")
    assert wrapped not in all_bytes(path)


def test_opening_empties_what_a_crash_left_of_a_destroyed_key(path: str) -> None:
    vault = Vault(path, MASTER)
    vault.seal("C1", PLAIN, CONTEXT)
    vault.commit()
    wrapped = wrapped_keys(path)["C1"]
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM keys").fetchall()
    vault._db.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(VaultError, match="destroy it again"):
        vault.destroy("C1")
    reader.execute("COMMIT")
    assert wrapped in all_bytes(path)
    Vault(path, MASTER)
    assert wrapped not in all_bytes(path)
