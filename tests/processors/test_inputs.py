"""Which partitions a worker may take."""

from processors.inputs import against

TOPICS = ("a", "b")


def all_of(*numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset((topic, number) for topic in TOPICS for number in numbers)


def test_the_same_numbers_of_all_topics_fit() -> None:
    assert against(all_of(0, 3), TOPICS, 4, "bank") is None
    assert against(frozenset(), TOPICS, 4, "bank") is None


def test_a_shard_in_parts_does_not() -> None:
    found = str(against(all_of(0, 1) - {("b", 1)}, TOPICS, 4, "bank"))
    assert found.startswith(
        "b 1: given to another member of the group than the rest of shard 1; end the other programs"
    )


def test_a_topic_that_is_not_there_is_told_from_one_that_another_has() -> None:
    found = str(against(frozenset({("a", 0), ("a", 1)}), TOPICS, 4, "bank"))
    assert found.startswith(
        "b: none of its partitions was given with those of the others: it was deleted, or is being made"
    )


def test_a_topic_that_grew_does_not() -> None:
    found = str(against(all_of(0) | {("a", 4)}, TOPICS, 4, "bank"))
    assert found.startswith("a: more partitions than the log bank has shards, 4; ")
