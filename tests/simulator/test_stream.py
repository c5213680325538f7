"""The simulated bank: the same bytes for the same seed, valid records, flat memory, the year's events in it."""

import hashlib
import json
import tomllib
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from guanxi.simulator import POLICY_FILE, blocks, records
from guanxi.simulator.days import bank_day, is_working, pay_date, working_after
from tests.simulator.fold import Fold

TYPES = {
    "account_opened", "account_closed", "deposit", "withdrawal", "transfer_in", "transfer_out", "interest_credited",
    "payroll_credited", "fee_charged", "product_purchased", "product_redeemed", "product_matured",
    "valuation_updated", "balance_stated", "customer_brought_forward", "reversal", "business_day_closed",
    "special_vip_granted", "special_vip_revoked",
}  # fmt: skip
CATEGORIES = {"deposit", "wealth_product", "fund", "certificate_bond", "treasury_bond", "gold", "cts_margin"}
ENVELOPE = ["event_id", "source", "type", "schema_version", "occurred_at", "customer_id"]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(records(400, 425, seed=7))


@pytest.fixture(scope="module")
def fold(lines: list[bytes]) -> Fold:
    return Fold().take_all(lines)


def test_a_seed_gives_these_bytes_everywhere() -> None:
    digest = hashlib.sha256(b"\n".join(records(50, 100, seed=20250101))).hexdigest()
    assert digest == "c2614f577eaeb42b68ecfb1b599f3824878cc62e7d30ece5baf1fa83576bc33d", (
        "the stream of a seed has changed: if that is meant, state the new digest here"
    )


def test_another_seed_gives_another_bank() -> None:
    assert list(records(5, 20, seed=1)) == list(records(5, 20, seed=1))
    assert list(records(5, 20, seed=1)) != list(records(5, 20, seed=2))


def test_every_record_is_valid(fold: Fold) -> None:
    # The fold asserts while it takes: places exist, identities are unique, totals and stated balances are right.
    assert fold.closed == {"core": date(2026, 3, 1), "funds": date(2026, 3, 1)}
    assert fold.lowest_deposit == 0


def test_every_type_and_category_is_used(fold: Fold) -> None:
    assert set(fold.types) == TYPES
    assert {place.category for place in fold.places.values()} == CATEGORIES
    assert fold.late > 50


def test_lines_are_compact_and_begin_with_the_envelope(lines: list[bytes]) -> None:
    for line in lines[::50]:
        record = json.loads(line)
        assert line == json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        wanted = [name for name in ENVELOPE if name != "customer_id" or record["type"] != "business_day_closed"]
        assert list(record)[: len(wanted)] == wanted


def test_some_are_vip_and_they_come_and_go(fold: Fold) -> None:
    vips = [{who for who, minor in month.items() if minor > 200_000_00} for month in fold.averages.values()]
    for month, now in zip(fold.averages, vips, strict=True):
        assert 0.02 < len(now) / len(fold.averages[month]) < 0.08, month
    assert sum(len(after - before) for before, after in pairwise(vips)) >= 2
    assert sum(len(before - after) for before, after in pairwise(vips)) >= 2


def test_the_funds_system_speaks_after_the_cores_close(lines: list[bytes]) -> None:
    last: dict[str, Any] | None = None
    core_closed = False
    for record in map(json.loads, lines):
        assert (record["source"] == "funds") == core_closed or record["type"] == "business_day_closed", (last, record)
        if record["type"] == "business_day_closed":
            core_closed = record["source"] == "core"
        last = record


def paid(lines: list[bytes], days: str, kind: str) -> tuple[int, int]:
    """Count and minor units of the payments out on days that begin so, to one kind of counterparty."""
    amounts = [
        record["amount"]
        for record in (json.loads(line) for line in lines if f'"value_date":"{days}'.encode() in line)
        if record["type"] == "withdrawal" and record.get("counterparty", {}).get("kind") == kind
    ]
    return len(amounts), sum(amounts)


def test_singles_day_shows() -> None:
    # Measured against the average day of October, as the public figures are: docs/simulator.md.
    lines = list(records(2_000, 42, seed=1, start=date(2025, 10, 1)))
    count, total = paid(lines, "2025-11-11", "payment_platform")
    count_october, total_october = paid(lines, "2025-10", "payment_platform")
    assert 1.1 < count * 31 / count_october < 1.4
    assert 1.3 < total * 31 / total_october < 1.8


def test_spring_festival_shows(lines: list[bytes]) -> None:
    gifts = Counter(json.loads(line)["value_date"] for line in lines if "压岁钱".encode() in line)
    assert set(gifts) == {"2025-01-28", "2025-01-29", "2025-01-30", "2026-02-16", "2026-02-17", "2026-02-18"}
    assert min(gifts.values()) > 10
    bonuses = {json.loads(line)["value_date"] for line in lines if "年终奖".encode() in line}
    assert bonuses
    assert all(on[5:7] in ("01", "02") for on in bonuses)


def test_malformed_adds_bad_records_and_duplicates_and_changes_nothing_else() -> None:
    clean, noisy = list(records(60, 40, seed=3)), list(records(60, 40, seed=3, malformed=True))
    added = Counter(noisy) - Counter(clean)
    assert Counter(noisy) - added == Counter(clean)
    bad = [line for line in added if b"noise-" in line]
    again = [line for line in added if b"noise-" not in line]
    assert (len(bad), len(again)) == (10, 2)
    assert all(line in clean for line in again)
    broken = [line for line in bad if not is_json(line)]
    assert len(broken) == 2
    for name in (b"field", b"account", b"float", b"type", b"broken"):
        assert sum(b'"noise-%b-' % name in line for line in bad) == 2


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def peak_bytes(stream: Iterator[bytes]) -> int:
    tracemalloc.start()
    try:
        for _ in stream:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_days() -> None:
    peak_bytes(blocks(30, 5, seed=1))
    short, long = peak_bytes(blocks(30, 30, seed=1)), peak_bytes(blocks(30, 750, seed=1))
    # Twenty-five times the records, three megabytes of them; measured: less than 40 kB more.
    assert long < short + 300_000


@pytest.mark.parametrize(
    ("customers", "days", "start", "says"),
    [
        (0, 10, date(2025, 1, 1), "customers and days"),
        (10, 0, date(2025, 1, 1), "customers and days"),
        (10, 10, date(2025, 1, 2), "first of a month"),
        (10**6, 10, date(2025, 1, 1), "below 1,000,000"),
    ],
)
def test_arguments_that_make_no_bank(customers: int, days: int, start: date, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        records(customers, days, 1, start)


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_banks_live_too(seed: int) -> None:
    for customers in (1, 2, 3):
        Fold().take_all(records(customers, 70, seed, date(2024, 2, 1)))
        assert list(records(customers, 70, seed, malformed=True))


def test_the_calendar() -> None:
    assert not is_working(date(2025, 1, 29))
    assert not is_working(date(2025, 10, 1))
    assert is_working(date(2025, 10, 8))
    assert pay_date(2025, 2, 15) == date(2025, 2, 14)
    assert working_after(date(2025, 9, 30), 1) == date(2025, 10, 8)
    assert bank_day(date(2025, 1, 20)).bonus
    assert bank_day(date(2024, 2, 29)).month_end


def test_the_policy_names_both_systems_and_the_default_ladder() -> None:
    policy = tomllib.loads(POLICY_FILE.read_text(encoding="utf-8"))
    assert policy["version"] == "demo-1"
    assert policy["calendar"] == {"sources": ["core", "funds"]}
    assert [(level["code"], level["threshold"]) for level in policy["levels"]] == [
        ("gold", "200000.00"), ("platinum", "500000.00"), ("diamond", "2000000.00"), ("private", "6000000.00"),
    ]  # fmt: skip
