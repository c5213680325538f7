"""Personal data under a key for each customer, and the keys under the master key: what every vault does alike.

Sealed bytes, frozen from the first release:

    version (1 byte, 1) · nonce (12 bytes) · AES-256-GCM ciphertext and tag (16 bytes), associated data = context

Wrapped key, frozen likewise:

    nonce (12 bytes) · AES-256-GCM of the 32 key bytes under the master key, and tag (16 bytes),
    associated data = "key" 0x00 customer_id

Where the wrapped keys lie is a vault's own matter: `infra.vault`, `infra.postgres_vault`. A destroyed key leaves zeros
in its place: that is how a vault remembers.

Nonces are random, 96 bits: far below 2**32 seals for each key, far below 2**32 keys for each master key. One thread at a
time. Not to be carried across a fork.
"""

import os
from collections import OrderedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.master_key import KEY_BYTES, MASTER_VARIABLE, VaultError
from processors import ports

__all__ = ["CACHED_CIPHERS", "CACHED_KEYS", "DESTROYED", "WRAPPED_BYTES", "KeyDestroyed", "Sealing"]

CACHED_KEYS = 131_072
"""Keys kept unwrapped: about 0.3 KB of memory each; a look in the file costs 6 µs or more."""
CACHED_CIPHERS = 4_096
"""Ciphers kept ready: about 2.5 KB each; making one costs 2.5 µs."""

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
WRAPPED_BYTES = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
DESTROYED = bytes(WRAPPED_BYTES)
_NONCES_AT_ONCE = 1_024
_CHECK = b"guanxi vault"


class KeyDestroyed(VaultError, ports.KeyDestroyed):
    """The customer's key was destroyed: what was sealed under it cannot be read by anyone, and no new key is made."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(f"the key of customer {customer_id} was destroyed: the personal data cannot be read any more")
        self.customer_id = customer_id


class Sealing:
    """Seals and opens; new keys wait in `_pending` until the vault made them durable. See the module.

    path: the vault, for people; master: 32 bytes, from `master_key`; cached_keys, cached_ciphers: how many customers' are
    kept in memory at most. Raises VaultError.
    """

    def __init__(self, path: str, master: bytes, *, cached_keys: int, cached_ciphers: int) -> None:
        if len(master) != KEY_BYTES:
            raise VaultError(f"a master key has {KEY_BYTES} bytes, not {len(master)}")
        self.path = path
        self._process = os.getpid()
        self._wrapping = AESGCM(master)
        self._ciphers: OrderedDict[str, AESGCM] = OrderedDict()
        self._keys: OrderedDict[str, bytes] = OrderedDict()
        self._cached_ciphers = cached_ciphers
        self._cached_keys = cached_keys
        self._pending: dict[str, bytes] = {}
        self._nonces: list[bytes] = []

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

    # ------------------------------------------------------------------------------------------ keys

    def _stored(self, customer_id: str) -> bytes | None:
        """The wrapped key of a customer as the vault holds it, None for none; asked for what is not in memory."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Forget all keys in memory but those that are not durable yet."""
        self._ciphers.clear()
        self._keys.clear()

    def _forget_customer(self, customer_id: str) -> None:
        self._pending.pop(customer_id, None)
        self._ciphers.pop(customer_id, None)
        self._keys.pop(customer_id, None)

    def _cipher(self, customer_id: str) -> AESGCM | None:
        """The cipher of a customer who has a key, or None; raises KeyDestroyed."""
        key = self._keys.get(customer_id)
        if key is not None:
            self._keys.move_to_end(customer_id)
        else:
            self._guard()
            wrapped = self._pending.get(customer_id) or self._stored(customer_id)
            if wrapped is None:
                return None
            if wrapped == DESTROYED:
                raise KeyDestroyed(customer_id)
            key = self._unwrapped(customer_id, wrapped)
            self._keep_key(customer_id, key)
        return self._new_cipher(customer_id, key)

    def _new_key(self, customer_id: str) -> AESGCM:
        key, nonce = os.urandom(KEY_BYTES), self._nonce()
        self._pending[customer_id] = nonce + self._wrapping.encrypt(nonce, key, _wrap_context(customer_id))
        self._keep_key(customer_id, key)
        return self._new_cipher(customer_id, key)

    def _opens(self, customer_id: str, wrapped: bytes) -> bool:
        """Whether this is a key of this customer."""
        try:
            self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _wrap_context(customer_id))
        except InvalidTag:
            return False
        return True

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

    # ------------------------------------------------------------------------------------------ the master key

    def _check_value(self) -> bytes:
        """What a vault with customers keeps, so that another master key is told at once."""
        nonce = self._nonce()
        return nonce + self._wrapping.encrypt(nonce, b"", _CHECK)

    def _verify(self, check_value: bytes) -> None:
        """Raises VaultError if the vault was made under another master key."""
        try:
            self._wrapping.decrypt(check_value[:_NONCE_BYTES], check_value[_NONCE_BYTES:], _CHECK)
        except (InvalidTag, ValueError):
            raise VaultError(
                f"the vault {self.path} was made under another master key: give the one it was made with, in "
                f"{MASTER_VARIABLE} or the key file"
            ) from None
        except TypeError:  # no bytes at all
            raise VaultError(f"the vault {self.path} is damaged: restore its copy") from None

    # ------------------------------------------------------------------------------------------ nonces

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


def _wrap_context(customer_id: str) -> bytes:
    """Associated data of a wrapped key: one moved to another customer's row does not open."""
    return b"key\0" + customer_id.encode()
