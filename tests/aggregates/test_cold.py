"""Customers whose state is packed: what is asked or told of them is as if it were not (HOUSE, laws of the log 5)."""

import msgspec
import pytest

from aggregates.packing import listed_accounts, number_of, pack, unpack
from aggregates.policy import Policies, Policy
from aggregates.postings import legs_of
from aggregates.shard import Shard
from events.decisions import IntegrityAlerted
from events.transactions import MoneyRecord
from processors.snapshot import chunks_of, frame_of, shard_from
from tests.dsl.bank import freeze, given, state_of
from tests.dsl.records import close, closed_through, deposit, opened, withdrawal


@pytest.mark.parametrize("deposits", [1, 2200])
def test_number_and_accounts_are_read_without_unpacking_the_rest(deposits: int) -> None:
    """With so many of the largest deposits a sum needs more than 64 bits."""
    bank = given(
        opened("C0", "X", on="2026-01-01"),
        opened("C1", "A1", on="2026-01-01", balance="1.00"),
        opened("C2", "Y", on="2026-01-01"),
        opened("C1", "F1", on="2026-01-01", category="fund"),
    )
    customer = bank.customer("C1")
    customer.accounts["A1"].running += deposits * 2**53
    packed = pack(customer)
    assert unpack(packed) == customer
    assert number_of(packed) == 1
    assert {name: (each.number, each.category) for name, each in listed_accounts(packed).items()} == {
        "A1": (1, "deposit"), "F1": (3, "fund"),
    }  # fmt: skip


@pytest.mark.parametrize("record", [deposit, withdrawal])
def test_a_line_about_a_cold_customer_counts_as_about_a_warm_one(record: object) -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="300000.00"), close("2026-01-31"))
    line = record("C1", "A1", "1.00", on="2026-02-02", id="e9")  # type: ignore[operator]
    warm, cold = (rebuilt(bank.lines) for _ in range(2))
    freeze(cold)
    for shard in (warm, cold):
        shard.evolve(line)
    assert state_of(cold) == state_of(warm)


def rebuilt(lines: list[object]) -> Shard:
    shard = Shard(Policies([Policy()]))
    for line in lines:
        shard.evolve(line)  # type: ignore[arg-type]
    return shard


def test_an_id_in_two_places_is_told_once_and_remembered() -> None:
    """Found later, not on the way in (DOMAIN §2): the shard keeps what it told, also in a snapshot."""
    bank = given(opened("C1", "A1", on="2026-01-01"), close("2026-01-31"))
    told = IntegrityAlerted(kind="id_in_two_places", source="core", event_id="e1")
    for _ in range(2):
        bank.evolve(told)
    assert list(bank.shard.shared_ids) == ["core e1"]
    loaded = shard_from(frame_of(bank.shard), chunks_of(bank.shard))
    assert loaded is not None
    assert list(loaded.shared_ids) == ["core e1"]
    bank.evolve(IntegrityAlerted(kind="balance_differs", source="core", event_id="e2"))
    assert list(bank.shard.shared_ids) == ["core e1"]


def test_an_account_that_comes_late_counts_from_each_value_date_in_whatever_order_they_come() -> None:
    """Sums of closed months the account has never moved in are 0 (DOMAIN §3)."""
    bank = given(opened("C1", "A1", on="2026-01-01", balance="1.00"), close("2026-01-31"), closed_through("2026-08-31"))
    bank.given(
        opened("C1", "A2", on="2026-02-01", at="2026-09-01"),
        deposit("C1", "A2", "10.00", on="2026-06-11", at="2026-09-01"),
        deposit("C1", "A2", "5.00", on="2026-04-21", at="2026-09-01"),
    )
    months = {month: bank.sum(month) for month in ("2026-03", "2026-04", "2026-05", "2026-06", "2026-07", "2026-09")}
    assert months == {
        "2026-03": 31 * 1_00,
        "2026-04": 30 * 1_00 + 10 * 5_00,
        "2026-05": 31 * 6_00,
        "2026-06": 30 * 6_00 + 20 * 10_00,
        "2026-07": 31 * 16_00,
        "2026-09": 30 * 16_00,
    }


class Gift(MoneyRecord, frozen=True, tag="gift"):
    """A kind of money record that nobody has given a rule."""


def test_money_of_a_kind_without_a_rule_is_a_fault_and_no_silence() -> None:
    fields = msgspec.structs.asdict(deposit("C1", "A1", "1.00", on="2026-01-01"))
    with pytest.raises(TypeError, match="Gift moves no money"):
        legs_of(Gift(**fields))


def test_a_snapshot_leaves_a_customer_as_warm_as_it_was_if_told_to() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"), opened("C2", "A1", on="2026-01-01"), close("2026-01-31"))
    before = state_of(bank.shard)
    list(chunks_of(bank.shard, frozenset({"C1"})))
    assert {name: isinstance(each, bytes) for name, each in bank.shard.customers.all.items()} == {
        "C1": False,
        "C2": True,
    }
    assert state_of(bank.shard) == before
