"""Policy versions and what they say (DOMAIN §4, CONTRACT §3)."""

import pytest

from aggregates.dates import day_of, month_from
from aggregates.policy import DEFAULT_LADDER, Level, Policies, Policy, PolicyRefused
from aggregates.shard import Shard
from processors.policies import activation
from tests.dsl.bank import given
from tests.dsl.records import brought, close, granted, opened

ALWAYS = Policy(version="always")
MARCH = Policy(version="march", valid_from=day_of("2026-03-01"))
MAY = Policy(version="may", valid_from=day_of("2026-05-01"))


def test_the_default_ladder() -> None:
    assert [(level.code, level.threshold_minor, level.name_zh) for level in DEFAULT_LADDER] == [
        ("gold", 20_000_000, "金卡"),
        ("platinum", 50_000_000, "白金"),
        ("diamond", 200_000_000, "钻石"),
        ("private", 600_000_000, "私行"),
    ]
    policy = Policy()
    assert (policy.version, policy.currency, policy.entry_minor, policy.sources) == (
        "default-1",
        "CNY",
        20_000_000,
        None,
    )
    assert (policy.watch_months, policy.exit_months, policy.grace_months) == (3, 6, 2)
    assert (policy.special_years, policy.restatement_months) == (1, 12)


@pytest.mark.parametrize("days", [28, 29, 30, 31])
@pytest.mark.parametrize(("at", "level"), list(enumerate(DEFAULT_LADDER)))
def test_a_level_is_reached_at_exactly_its_threshold(days: int, at: int, level: Level) -> None:
    total = level.threshold_minor * days
    below = DEFAULT_LADDER[at - 1].code if at else None
    assert (Policy().reached(total, days), Policy().reached(total - 1, days)) == (level.code, below)


@pytest.mark.parametrize(
    ("month", "version"),
    [("2020-01", "always"), ("2026-02", "always"), ("2026-03", "march"), ("2026-04", "march"), ("2026-05", "may"),
     ("2030-01", "may")],
)  # fmt: skip
@pytest.mark.parametrize("order", [(ALWAYS, MARCH, MAY), (MAY, ALWAYS, MARCH), (MARCH, MAY, ALWAYS)])
def test_a_month_is_decided_by_the_latest_version_valid_on_its_first_day(
    month: str, version: str, order: tuple[Policy, ...]
) -> None:
    policies = Policies(order)
    assert policies.at(month_from(month)).version == version
    assert policies.latest is MAY
    assert policies.named("march") is MARCH
    assert policies.named("april") is None


def test_before_the_first_valid_version_the_first_one_counts() -> None:
    assert Policies([MAY, MARCH]).at(month_from("2026-01")) is MARCH


def test_a_version_added_later_counts_for_months_asked_before() -> None:
    policies = Policies([ALWAYS])
    assert policies.at(month_from("2026-04")) is ALWAYS
    policies.add(MARCH)
    assert policies.at(month_from("2026-04")) is MARCH
    assert (len(policies), list(policies)) == (2, [ALWAYS, MARCH])


def test_enough_months_are_kept_for_every_version() -> None:
    assert Policies([Policy(restatement_months=3)]).retained_months == 1 + 6
    assert Policies([Policy(restatement_months=3), Policy(exit_months=24)]).retained_months == 1 + 24


def test_a_level_that_is_gone_counts_as_the_lowest() -> None:
    assert (Policy().rank("bronze"), Policy().threshold_minor("bronze"), Policy().threshold_minor("diamond")) == (
        0,
        20_000_000,
        200_000_000,
    )


# Taking a version in


def shard(*policies: Policy) -> Shard:
    return Shard(Policies(policies))


def test_the_first_version_is_taken_as_it_is() -> None:
    line = activation(shard(), MARCH)
    assert line is not None
    assert line.version == "march"


def test_the_same_version_again_is_nothing() -> None:
    assert activation(shard(MARCH), MARCH) is None


def test_the_same_version_with_other_content_is_refused() -> None:
    with pytest.raises(PolicyRefused, match="other content"):
        activation(shard(MARCH), Policy(version="march"))


def test_another_currency_is_refused() -> None:
    with pytest.raises(PolicyRefused, match="one currency"):
        activation(shard(ALWAYS), Policy(version="usd", currency="USD"))


def test_a_version_may_not_decide_a_closed_month() -> None:
    closed = given(close("2026-03-31"), policies=[ALWAYS]).shard
    for version in (MARCH, Policy(version="other"), Policy(version="old", valid_from=day_of("2025-01-01"))):
        with pytest.raises(PolicyRefused, match="2026-03 is closed"):
            activation(closed, version)
    assert activation(closed, Policy(version="april", valid_from=day_of("2026-04-01"))) is not None


LOWER = Policy(version="lower", valid_from=day_of("2026-02-01"), ladder=DEFAULT_LADDER[:1])


@pytest.mark.parametrize("state", [{"state": "vip"}, {"state": "special", "until": "2026-09-09"}])
def test_a_level_may_not_be_dropped_while_somebody_holds_it(state: dict[str, str]) -> None:
    bank = given(brought("C1", level="diamond", on="2025-12-31", **state))  # type: ignore[arg-type]
    with pytest.raises(PolicyRefused, match="'diamond' is missing, customer 'C1' holds it"):
        activation(bank.shard, LOWER)


def test_a_level_nobody_holds_may_be_dropped() -> None:
    assert activation(given(brought("C1", "vip", level="gold", on="2025-12-31")).shard, LOWER) is not None


def test_a_level_somebody_is_about_to_hold_may_not_be_dropped() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"), granted("C1", "diamond", on="2026-01-02"))
    replaced = Policy(version="lower", ladder=DEFAULT_LADDER[:1])
    with pytest.raises(PolicyRefused, match="diamond"):
        activation(bank.shard, replaced)
