"""Positions in the log beside what the broker has: what fits, and each thing that does not."""

import pytest

from processors.marks import mark_of
from processors.ports import Head, Mark
from processors.positions import (
    BeyondEnd,
    Finding,
    Found,
    Gone,
    LastDiffers,
    NoSuchInput,
    Recreated,
    Stand,
    finding,
    findings,
    set_to,
    stands_of,
)

AT = ("bank.transactions.v1", 2)
TAKEN = Stand(10, mark_of("id-1", 9, b"nine"))
LAST = mark_of("id-1", 9, b"nine")


@pytest.mark.parametrize(
    ("stand", "found"),
    [
        (Stand(0, None), Found("id-1", 0, 0)),
        (Stand(0, None), Found("id-1", 7, 9)),  # a new log begins with what there is
        (TAKEN, Found("id-1", 0, 10, LAST)),
        (TAKEN, Found("id-1", 9, 30, LAST)),
        (TAKEN, Found("id-1", 10, 30)),  # the last taken has gone, nothing behind it
        (TAKEN, Found("", 0, 30, mark_of("", 9, b"nine"))),  # a broker that gives topics no id
        (Stand(10, mark_of("", 9, b"nine")), Found("id-1", 0, 30, LAST)),
        (Stand(12, LAST), Found("id-1", 0, 12, LAST)),  # a gap behind the last taken
        (Stand(10, set_to("id-1", 10)), Found("id-1", 0, 30)),  # nothing is known of the record before
        (Stand(10, None), Found("id-1", 0, 30)),
    ],
)
def test_what_fits(stand: Stand, found: Found) -> None:
    assert finding(AT, stand, found) is None


@pytest.mark.parametrize(
    ("stand", "found", "wanted"),
    [
        (TAKEN, None, NoSuchInput(AT, 10)),
        (Stand(0, None), None, NoSuchInput(AT, 0)),
        (TAKEN, Found("id-2", 0, 30, mark_of("id-2", 9, b"nine")), Recreated(AT, 10, "id-1", "id-2")),
        (TAKEN, Found("id-2", 0, 0), Recreated(AT, 10, "id-1", "id-2")),
        (TAKEN, Found("id-1", 0, 9), BeyondEnd(AT, 10, 9)),
        (TAKEN, Found("id-1", 11, 11), Gone(AT, 10, 11)),
        (TAKEN, Found("id-1", 1_500, 2_000), Gone(AT, 10, 1_500)),
        (TAKEN, Found("id-1", 0, 10, mark_of("id-1", 9, b"other")), LastDiffers(AT, 10, 9)),
        (TAKEN, Found("id-1", 9, 30, None), LastDiffers(AT, 10, 9)),
        (Stand(10, set_to("id-1", 10)), Found("id-2", 0, 30), Recreated(AT, 10, "id-1", "id-2")),
        (Stand(10, set_to("id-1", 10)), Found("id-1", 11, 30), Gone(AT, 10, 11)),
    ],
)
def test_what_does_not_fit(stand: Stand, found: Found | None, wanted: Finding) -> None:
    assert finding(AT, stand, found) == wanted


def test_a_finding_says_what_where_and_what_to_do() -> None:
    assert str(Gone(AT, 10, 1_500)) == (
        "bank.transactions.v1 2: 1,490 offsets, 10 to 1499, were deleted before they were read (retention, or by hand); "
        "nothing is read of it: guanxi position reset --topic bank.transactions.v1 --partition 2 --to earliest --reason "
        "TEXT, and let the core system publish again what they held: what was taken before is not taken twice"
    )
    assert "its id was id-1 and is id-2" in str(Recreated(AT, 10, "id-1", "id-2"))
    assert "--to 9 --reason" in str(BeyondEnd(AT, 10, 9))
    for each in (NoSuchInput(AT, 10), LastDiffers(AT, 10, 9)):
        assert str(each).startswith("bank.transactions.v1 2: ")
        assert "\n" not in str(each)


def test_every_input_of_a_shard_is_looked_at() -> None:
    inputs = [AT, ("bank.customers.v1", 2), ("bank.interactions.v1", 2)]
    head = Head(3, 9, {AT: 10, inputs[1]: 4}, {AT: LAST})
    stands = stands_of(head, inputs)
    assert stands == {AT: TAKEN, inputs[1]: Stand(4, None), inputs[2]: Stand(0, None)}
    assert findings(stands, {AT: Found("id-1", 0, 10, LAST), inputs[1]: Found("id-1", 0, 3)}) == [
        BeyondEnd(inputs[1], 4, 3),
        NoSuchInput(inputs[2], 0),
    ]


def test_a_record_without_a_value_has_a_mark_too() -> None:
    stand = Stand(10, mark_of("id-1", 9, None))
    assert finding(AT, stand, Found("id-1", 0, 10, mark_of("id-1", 9, None))) is None
    assert finding(AT, stand, Found("id-1", 0, 10, Mark(10, "id-1/", 0))) == LastDiffers(AT, 10, 9)
