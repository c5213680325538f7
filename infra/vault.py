"""The vault: a key for each customer, and the sealing of personal data under it.

Personal fields are encrypted from the first byte stored and unreadable for good once the customer's key is destroyed
(DOMAIN §7, HOUSE "Laws of the log" 1). The keys lie in one SQLite file, each wrapped by the master key; the master
key comes from the environment or a file and is never in the vault.

Sealed bytes, frozen from the first release:

    version (1 byte, 1) · nonce (12 bytes) · AES-256-GCM ciphertext and tag (16 bytes), associated data = context

Wrapped key, frozen likewise:

    nonce (12 bytes) · AES-256-GCM of the 32 key bytes under the master key, and tag (16 bytes),
    associated data = "key" 0x00 customer_id

Laws
- A key exists durably before anything sealed under it does: `commit` the vault, then what was sealed. A crash in
  between leaves a key that nothing needs.
- A key once durable is never replaced. Destroyed is for good: the key's bytes are overwritten in the file, the
  write-ahead log is emptied, and the customer never gets another key. Copies of the file made before (backups) are
  not reached.
- The file tells a wrong master key at once, when it holds any customer.
- Nonces are random, 96 bits: far below 2**32 seals for each key, far below 2**32 keys for each master key.
- One process writes; others may read, and call `refresh` to notice what was destroyed meanwhile. One thread at a
  time. Not to be carried across a fork.

A destroyed key's row stays, with zeros for the key: that is how the vault remembers. Rows that move when the pages of
the table are balanced leave copies behind unless `secure_delete` is on for every writer (without it a twelfth of the
keys had one), so nothing but this class should write to the file.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyDestroyed", "Vault", "VaultError", "has_keys", "master_key"]

MASTER_VARIABLE = "GUANXI_KEY"
KEY_BYTES = 32
CACHED_KEYS = 131_072
"""Keys kept unwrapped: about 0.3 KB of memory each; a look in the file costs 6 µs or more."""
CACHED_CIPHERS = 4_096
"""Ciphers kept ready: about 2.5 KB each; making one costs 2.5 µs."""

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAPPED_BYTES = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
_DESTROYED = bytes(_WRAPPED_BYTES)
_NONCES_AT_ONCE = 1_024
_CHECK = b"guanxi vault"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (customer_id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS master (one INTEGER PRIMARY KEY CHECK (one = 1), check_value BLOB NOT NULL);
"""


class VaultError(Exception):
    """Keys or sealed data cannot be used; the message says what, where, and what to do. Never holds key material."""


class KeyDestroyed(VaultError):
    """The customer's key was destroyed: what was sealed under it cannot be read by anyone, and no new key is made."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(f"the key of customer {customer_id} was destroyed: the personal data cannot be read any more")
        self.customer_id = customer_id


def has_keys(path: str | Path) -> bool:
    """Whether a vault file exists and holds any customer, so that its master key must not be made anew."""
    if not Path(path).exists():
        return False
    try:
        db = sqlite3.connect(path)
        try:
            if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'master'").fetchone() is None:
                return False
            return db.execute("SELECT 1 FROM master").fetchone() is not None
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error


def master_key(environ: Mapping[str, str], key_file: Path, *, vault_has_keys: bool) -> tuple[bytes, bool]:
    """The master key, and whether it was made just now (then tell the user to keep a copy of key_file).

    In this order: the variable GUANXI_KEY; key_file; if vault_has_keys is False, a new random key written to key_file
    (mode 0600, whole or not at all, durable on return; if two processes make it at once, both get the same one). Both
    hold base64 of 32 bytes. Raises VaultError if what is there is no such key, or if it is missing and the vault has
    keys.
    """
    if MASTER_VARIABLE in environ:
        return _decoded(environ[MASTER_VARIABLE], f"the environment variable {MASTER_VARIABLE}"), False
    try:
        return _decoded(key_file.read_text("ascii", "replace"), f"the key file {key_file}"), False
    except FileNotFoundError:
        pass
    except OSError as error:
        raise VaultError(
            f"the key file {key_file} cannot be read ({error.strerror}): check that it is a file, its owner and mode"
        ) from error
    if vault_has_keys:
        raise VaultError(
            f"the key file {key_file} is missing, but the vault holds keys made under it: put it back from "
            f"its copy, or set {MASTER_VARIABLE}; a new key could not read the stored personal data, so none is made"
        )
    try:
        made = _make_key_file(key_file)
    except OSError as error:
        raise VaultError(f"the key file {key_file} cannot be made ({error.strerror}): check the directory") from error
    return _decoded(key_file.read_text("ascii", "replace"), f"the key file {key_file}"), made


class Vault:
    """Keys per customer in a SQLite file. Laws and formats: the module's docstring."""

    def __init__(
        self, path: str, master: bytes, *, cached_keys: int = CACHED_KEYS, cached_ciphers: int = CACHED_CIPHERS
    ) -> None:
        """Open or create the vault (mode 0600; ":memory:" for none that lasts).

        master: 32 bytes, from `master_key`. cached_keys, cached_ciphers: how many customers' are kept in memory at
        most.
        Raises VaultError if the file is no vault or was made under another master key.
        """
        if len(master) != KEY_BYTES:
            raise VaultError(f"a master key has {KEY_BYTES} bytes, not {len(master)}")
        self.path = path
        self._process = os.getpid()
        self._wrapping = AESGCM(master)
        self._ciphers: OrderedDict[str, AESGCM] = OrderedDict()
        self._keys: OrderedDict[str, bytes] = OrderedDict()
        self._absent: set[str] = set()
        self._cached_ciphers = cached_ciphers
        self._cached_keys = cached_keys
        self._seen_version = 0
        self._pending: dict[str, bytes] = {}
        self._nonces: list[bytes] = []
        if path != ":memory:":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unreadable(path, error) from error
        except VaultError:
            self._db.close()
            raise

    def seal(self, customer_id: str, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt under the customer's key, made now if there is none: then `commit` before the result is stored.

        context: what the result belongs to; `open` must be given the same. Raises KeyDestroyed.
        """
        cipher = self._ciphers.get(customer_id)
        if cipher is None:
            cipher = self._cipher(customer_id) or self._new_key(customer_id)
        else:
            self._ciphers.move_to_end(customer_id)
        nonce = self._nonce()
        return _VERSION + nonce + cipher.encrypt(nonce, plaintext, context)

    def open(self, customer_id: str, sealed: bytes, context: bytes) -> bytes:
        """Decrypt what `seal` returned for the same customer and context.

        Raises KeyDestroyed; VaultError if there is no key, the version is unknown, or sealed, customer or context is
        another than when it was sealed.
        """
        cipher = self._ciphers.get(customer_id)
        if cipher is None:
            cipher = self._cipher(customer_id)
            if cipher is None:
                raise VaultError(
                    f"the vault {self.path} has no key for customer {customer_id}: put back this log's own vault from its copy"
                )
        else:
            self._ciphers.move_to_end(customer_id)
        if sealed[:1] != _VERSION:
            version = sealed[:1].hex() or "(empty)"
            raise VaultError(f"sealed data of customer {customer_id} has unknown version {version}")
        try:
            # Too short for a nonce is a ValueError of the library, too short for a tag an InvalidTag.
            return cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context)
        except (InvalidTag, ValueError):
            raise VaultError(f"sealed data of customer {customer_id} was changed, or belongs elsewhere") from None

    def prefetch(self, customer_ids: Iterable[str]) -> None:
        """Read the keys of a batch of customers at once, so that sealing or opening for each does not look in the file.

        Saves time only; raises nothing for destroyed keys. customer_ids: at most `cached_keys`, else some are read
        again.
        """
        self._guard()
        asked = {each for each in customer_ids if each not in self._keys and each not in self._pending}
        with self._plainly():
            rows = self._db.execute(
                "SELECT customer_id, wrapped FROM keys WHERE customer_id IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted(asked)),),
            ).fetchall()
        for customer_id, wrapped in rows:
            if wrapped != _DESTROYED:
                self._keep_key(customer_id, self._unwrapped(customer_id, wrapped))
        self._absent = asked.difference(customer_id for customer_id, _ in rows)

    def commit(self) -> None:
        """Make the keys of new customers durable (on return: synced to disk). Nothing to do if there are none.

        Raises VaultError if another process made a key for one of them or uses another master key: then nothing
        sealed since the last commit may be stored; open the vault again.
        """
        if not self._pending:
            return
        self._guard()
        with self._plainly():
            self._insert_pending()
        self._pending.clear()

    def _insert_pending(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._write_check()
            self._db.executemany("INSERT INTO keys (customer_id, wrapped) VALUES (?, ?)", self._pending.items())
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._rollback()
            raise VaultError(f"another process writes to the vault {self.path}: stop one of them") from error
        except BaseException:
            self._rollback()
            raise

    def destroy(self, customer_id: str) -> None:
        """Destroy the customer's key for good, and remember that it was. May be called again; unknown customers too.

        Raises VaultError if a reader held the write-ahead log all the time, so that the key's bytes may still be in
        that file: the key is gone for all uses, but call again to have the bytes gone too.
        """
        self._guard()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._write_check()
            self._db.execute(
                "INSERT INTO keys (customer_id, wrapped) VALUES (?, ?) "
                "ON CONFLICT (customer_id) DO UPDATE SET wrapped = excluded.wrapped",
                (customer_id, _DESTROYED),
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self._pending.pop(customer_id, None)
        self._ciphers.pop(customer_id, None)
        self._keys.pop(customer_id, None)
        self._absent.discard(customer_id)
        if self._empty_log():
            raise VaultError(
                f"the key of customer {customer_id} is destroyed, but a reader keeps {self.path}-wal from being "
                "emptied: destroy it again when the reader is done"
            )

    def refresh(self) -> None:
        """Forget keys if another process has changed the vault, so that what it destroyed is not opened here either."""
        version = self._data_version()
        if version != self._seen_version:
            self._seen_version = version
            self._forget()

    def close(self) -> None:
        """Close the file. Keys not committed are lost."""
        self._forget()
        self._pending.clear()
        self._db.close()

    def _forget(self) -> None:
        self._ciphers.clear()
        self._keys.clear()
        self._absent.clear()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('keys', 'master')").fetchone()[0] < 2:
            self._db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        self._verify_check()
        # What a crash left in the write-ahead log may hold a key destroyed since; if others read now, the next open
        # does it.
        self._db.execute("PRAGMA busy_timeout = 0")
        self._empty_log()
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._seen_version = self._data_version()

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def _empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; True if a reader was in the way."""
        return bool(self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """A damaged vault is told as such: what it is and what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                raise _unreadable(self.path, error) from error
            raise

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _verify_check(self) -> bool:
        """False if the vault has no check value yet; raises VaultError if it was made under another master key."""
        row = self._db.execute("SELECT check_value FROM master").fetchone()
        if row is None:
            return False
        try:
            self._wrapping.decrypt(row[0][:_NONCE_BYTES], row[0][_NONCE_BYTES:], _CHECK)
        except (InvalidTag, ValueError):
            raise VaultError(
                f"the vault {self.path} was made under another master key: give the one it was made with, in "
                f"{MASTER_VARIABLE} or the key file"
            ) from None
        except TypeError:  # no bytes at all
            raise VaultError(f"the vault {self.path} is damaged: restore its copy") from None
        return True

    def _write_check(self) -> None:
        if not self._verify_check():
            nonce = self._nonce()
            self._db.execute("INSERT INTO master VALUES (1, ?)", (nonce + self._wrapping.encrypt(nonce, b"", _CHECK),))

    def _guard(self) -> None:
        if os.getpid() != self._process:
            raise VaultError("a vault cannot be used in a forked process: open it there")

    def _nonce(self) -> bytes:
        self._guard()  # the child of a fork would draw the same nonces
        # One pop is one step even between threads: no two seals ever get the same nonce.
        while True:
            try:
                return self._nonces.pop()
            except IndexError:
                drawn = os.urandom(_NONCE_BYTES * _NONCES_AT_ONCE)
                self._nonces.extend(drawn[at : at + _NONCE_BYTES] for at in range(0, len(drawn), _NONCE_BYTES))

    def _cipher(self, customer_id: str) -> AESGCM | None:
        """The cipher of a customer who has a key, or None; raises KeyDestroyed."""
        key = self._keys.get(customer_id)
        if key is not None:
            self._keys.move_to_end(customer_id)
        elif customer_id in self._absent:
            return None
        else:
            self._guard()
            wrapped = self._pending.get(customer_id)
            if wrapped is None:
                with self._plainly():
                    row = self._db.execute("SELECT wrapped FROM keys WHERE customer_id = ?", (customer_id,)).fetchone()
                if row is None:
                    return None
                wrapped = row[0]
                if wrapped == _DESTROYED:
                    raise KeyDestroyed(customer_id)
            key = self._unwrapped(customer_id, wrapped)
            self._keep_key(customer_id, key)
        return self._new_cipher(customer_id, key)

    def _new_key(self, customer_id: str) -> AESGCM:
        key, nonce = os.urandom(KEY_BYTES), self._nonce()
        self._pending[customer_id] = nonce + self._wrapping.encrypt(nonce, key, _wrap_context(customer_id))
        self._absent.discard(customer_id)
        self._keep_key(customer_id, key)
        return self._new_cipher(customer_id, key)

    def _unwrapped(self, customer_id: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _wrap_context(customer_id))
        except (InvalidTag, ValueError, TypeError):  # TypeError: no bytes at all
            raise VaultError(
                f"the key of customer {customer_id} in the vault {self.path} is damaged: restore the vault's copy"
            ) from None

    def _keep_key(self, customer_id: str, key: bytes) -> None:
        self._keys[customer_id] = key
        if len(self._keys) > self._cached_keys:
            self._keys.popitem(last=False)

    def _new_cipher(self, customer_id: str, key: bytes) -> AESGCM:
        cipher = AESGCM(key)
        self._ciphers[customer_id] = cipher
        if len(self._ciphers) > self._cached_ciphers:
            self._ciphers.popitem(last=False)
        return cipher


def _wrap_context(customer_id: str) -> bytes:
    """Associated data of a wrapped key: one moved to another customer's row does not open."""
    return b"key\0" + customer_id.encode()


def _unreadable(path: str | Path, error: Exception) -> VaultError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    do = (
        "restore its copy"
        if code in _DAMAGE
        else "check its permissions and the space left, then run the command again"
    )
    return VaultError(f"{path} cannot be used as a vault ({error}): {do}")


def _decoded(text: str, where: str) -> bytes:
    """The 32 bytes of a key in base64; the message of a VaultError never shows the text."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise VaultError(f"{where} is not base64: it must hold the base64 of {KEY_BYTES} bytes") from None
    if len(key) != KEY_BYTES:
        raise VaultError(f"{where} holds {len(key)} bytes: it must hold the base64 of {KEY_BYTES} bytes")
    return key


def _make_key_file(key_file: Path) -> bool:
    """Write a new key, whole and durable; False if another process was first."""
    # Not named by the process: one that died here may have had the same number, as it often is in a container.
    draft = key_file.with_name(f"{key_file.name}.{os.urandom(8).hex()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, key_file)  # unlike a rename, never over a key that is there
            made = True
        except FileExistsError:
            made = False
    finally:
        draft.unlink()
    directory = os.open(key_file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return made
