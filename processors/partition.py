"""Which partition a customer's records are in: Kafka's murmur2 over the key, as Java's clients reckon it (CONTRACT §1)."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF
_SIGN = 0x7FFFFFFF
_FEW = 16
"""So many keys are hashed one by one: arrays cost more before they save anything."""


def murmur2(key: bytes) -> int:
    """The 32-bit hash of a key by which Kafka's Java clients choose its partition (org.apache.kafka.common.utils.Utils)."""
    hashed = _SEED ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _MULTIPLIER & _WORD
        word = (word ^ word >> 24) * _MULTIPLIER & _WORD
        hashed = (hashed * _MULTIPLIER & _WORD) ^ word
    if rest := key[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _WORD
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _WORD
    return hashed ^ hashed >> 15


def partition_of(customer_id: str, partitions: int) -> int:
    """The partition, and so the shard, of a customer among so many."""
    return (murmur2(customer_id.encode()) & _SIGN) % partitions


def are_in(customer_ids: Collection[str], partition: int, partitions: int) -> bool:
    """Whether all of these customers are in one partition of so many: ``partition_of`` of each, all at once."""
    if len(customer_ids) <= _FEW:
        return all(partition_of(each, partitions) == partition for each in customer_ids)
    by_length: dict[int, list[bytes]] = {}
    for key in map(str.encode, customer_ids):
        by_length.setdefault(len(key), []).append(key)
    return all(bool(((_hashes(keys) & _SIGN) % partitions == partition).all()) for keys in by_length.values())


def _hashes(keys: Sequence[bytes]) -> npt.NDArray[np.uint32]:
    """``murmur2`` of keys of one length."""
    length = len(keys[0])
    whole = length & ~3
    table = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), length)
    multiplier = np.uint32(_MULTIPLIER)
    hashed = np.full(len(keys), _SEED ^ length, dtype=np.uint32)
    for at in range(0, whole, 4):
        word = table[:, at : at + 4].copy().view("<u4").ravel() * multiplier
        word = (word ^ word >> np.uint32(24)) * multiplier
        hashed = hashed * multiplier ^ word
    if whole < length:
        rest = np.zeros((len(keys), 4), dtype=np.uint8)
        rest[:, : length - whole] = table[:, whole:]
        hashed = (hashed ^ rest.view("<u4").ravel()) * multiplier
    hashed = (hashed ^ hashed >> np.uint32(13)) * multiplier
    return hashed ^ hashed >> np.uint32(15)
