"""The state of a customer as bytes: for customers gone cold, snapshots and views. Never a source: the log is."""

import json
from typing import Any
from zlib import crc32

import msgspec
from msgspec import inspect

from aggregates.customer import Customer

STATE_VERSION = 7
"""Raised whenever the meaning of the state changes: packed states of another version are thrown away."""


def shape_of(kind: Any) -> int:
    """A number that changes when a struct, or one in it, gets, loses, renames or reorders a field, or changes its type."""
    return crc32(_shape(inspect.type_info(kind)).encode())


def _shape(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StructType):
        fields = ", ".join(f"{each.encode_name}: {_shape(each.type)}" for each in kind.fields)
        return f"{kind.cls.__name__}({fields})"
    parts = [getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)]
    parts += [*getattr(kind, "item_types", ()), *getattr(kind, "types", ())]
    said = f" {kind.values}" if isinstance(kind, inspect.LiteralType) else ""
    return f"{type(kind).__name__}[{', '.join(map(_shape, parts))}]{said}"


STATE_SHAPE = shape_of(Customer)
"""With the version, what a packed state is known by: releases side by side read one another's files."""

_PACK = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder(Customer).decode


class Listed(msgspec.Struct, array_like=True, gc=False):
    """The first fields of an Account."""

    number: int
    category: str


class _Arrived(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a Customer."""

    id: str
    number: int
    accounts: dict[str, Listed]


_ARRIVED = msgspec.msgpack.Decoder(_Arrived).decode
_WIDE = b"\xc1"  # never used by msgpack: what follows is JSON, for sums beyond 64 bits


def pack(customer: Customer) -> bytes:
    """The state of a customer in as few bytes as its numbers need."""
    return _packed(customer)


def _packed(state: object) -> bytes:
    try:
        return _PACK(state)
    except OverflowError:
        return _WIDE + json.dumps(msgspec.to_builtins(state, builtin_types=(int,))).encode()


def pack_balances(customer: Customer) -> bytes:
    """What is asked about the accounts of a customer, for views: numbers, categories, balances and the sums of months.

    ``unpack`` gives a customer of these alone. The days of an account are left out once it was brought to a closed month: until
    then sums may be counted from them (``account.month_sum``).
    """
    accounts = {
        name: (a.number, a.category, 0, 0, a.balance, a.rolled, a.summed, a.running, (), a.sums, None)
        if a.rolled
        else a
        for name, a in customer.accounts.items()
    }
    return _packed((customer.id, customer.number, accounts))


def unpack(packed: bytes) -> Customer:
    """The customer that was packed."""
    if packed[:1] == _WIDE:
        return msgspec.convert(json.loads(packed[1:], parse_float=str), Customer, strict=False)
    return _UNPACK(packed)


def number_of(packed: bytes) -> int:
    """The number of the customer that was packed, without unpacking the rest."""
    return unpack(packed).number if packed[:1] == _WIDE else _ARRIVED(packed).number


def listed_accounts(packed: bytes) -> dict[str, Listed]:
    """Number and category of each account of the customer that was packed, by account_id, the rest left packed."""
    if packed[:1] != _WIDE:
        return _ARRIVED(packed).accounts
    return {name: Listed(account.number, account.category) for name, account in unpack(packed).accounts.items()}


def freeze(customer: Customer, *, quiet: bool) -> bytes:
    """A cold customer: a byte that says whether a month end may pass it by (``Shard.is_quiet``), and the packed state."""
    return (_QUIET if quiet else _RESTLESS) + pack(customer)


def thaw(frozen: bytes) -> Customer:
    """The customer that was frozen."""
    return unpack(frozen[1:])


def is_quiet(frozen: bytes) -> bool:
    """What ``freeze`` was told."""
    return frozen[0] == 0


def waken(frozen: bytes) -> bytes:
    """The same customer, to be looked at by the next month end."""
    return _RESTLESS + frozen[1:]


_QUIET, _RESTLESS = b"\0", b"\1"
