"""The master key, under which the keys of all customers are wrapped: from the environment or a file, never in a vault."""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["KEY_BYTES", "MASTER_VARIABLE", "VaultError", "master_key"]

MASTER_VARIABLE = "GUANXI_KEY"
KEY_BYTES = 32


class VaultError(Exception):
    """Keys or sealed data cannot be used; the message says what, where, and what to do. Never holds key material."""


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
