"""Between which amounts a customer is at rest, rule by rule (``aggregates.triggers.bounds``)."""

import pytest

from aggregates.dates import month_of
from aggregates.triggers.bounds import followed, strays
from aggregates.triggers.rule import NEVER_RESTS
from tests.aggregates.triggers.banks import given
from tests.dsl.records import closed_through, opened
from tests.dsl.seen import FIRST

NONE = (None, None, None, None)
OTHER = 1 << 40
"""The bit of another rule that follows AUM."""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 100_00, (0, 0)),
        (100_00, 100_00, (0, 0)),
        (100_01, 200_00, (OTHER, 0)),
        (1, 99_99, (0, OTHER)),
        (None, 99_99, (0, OTHER)),
        (NEVER_RESTS.low, NEVER_RESTS.high, (OTHER, 0)),
    ],
    ids=["between", "just", "below", "above", "above, with no lower one", "never at rest"],
)
def test_a_rule_that_follows_is_asked_below_its_bounds_and_told_above_them(
    low: int | None, high: int | None, expected: tuple[int, int]
) -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100.00"), closed_through("2026-01-01"))
    assert strays(bank.shard, bank.customer(), (*NONE, OTHER, low, high), month_of(FIRST), 31) == expected


def test_only_the_bounds_that_were_left_upwards_are_new() -> None:
    shard = given().shard
    aum_drop = shard.bits["aum_drop"]
    rest = (*NONE, OTHER, 1, 60_000_00, aum_drop, 40_000_00, 50_000_00)
    assert followed(shard, rest, 60_000_00) == (*NONE, OTHER, 1, 60_000_00, aum_drop, 51_000_00, 72_857_14)
    assert followed(shard, rest, 60_000_01) == (), "the other rule is not there to be told"
