"""Which partition a customer's records are in: Kafka's murmur2 over the key, as Java's clients reckon it (CONTRACT §1)."""

_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF


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
    return (murmur2(customer_id.encode()) & 0x7FFFFFFF) % partitions
