"""A small history with every type of record and of decision, the same every time."""

from collections.abc import Iterator

import msgspec

from events import codec
from events.fields import Record
from tests.dsl import records as r

NAME = "张小明"
EXT = '{"teller":"张小明","n":1}'.encode()
MEMO = "三月房租 rent for March"


def history() -> list[list[bytes]]:
    """Files of the history in order; the second repeats part of the first."""
    first, second = [_encoded(each) for each in _first()], [_encoded(each) for each in _second()]
    return [first, [*first[5:20], *second]]


PARKED = "parked"
"""event_id of the record that our code is made to fail on."""


def failing() -> list[bytes]:
    """A file of which one record is parked, and another waits behind it."""
    named = _Named("c")
    return [
        _encoded(named(each))
        for each in (
            r.deposit("C2", "A2", "66.00", on="2026-07-01", id=PARKED, memo=MEMO),
            r.deposit("C2", "A2", "7.00", on="2026-07-01"),
            r.deposit("C6", "A6", "8.00", on="2026-07-01"),
            r.deposit("C6", "A66", "9.00", on="2026-07-02"),
        )
    ]


def mended() -> list[bytes]:
    """A file that brings the account that a refused record lacked."""
    return [_encoded(r.opened("C6", "A66", on="2026-07-01", id="late-account")), _encoded(r.close("2026-07-01"))]


def _encoded(line: Record | bytes) -> bytes:
    return line if isinstance(line, bytes) else codec.encode(line)


class _Named:
    """Gives records without an id one, counting."""

    def __init__(self, letter: str) -> None:
        self._letter, self._number = letter, 0

    def __call__(self, record: Record) -> Record:
        if record.event_id != r.UNNAMED:
            return record
        self._number += 1
        return msgspec.structs.replace(record, event_id=f"{self._letter}{self._number}")


def _first() -> Iterator[Record | bytes]:
    """January and February 2026."""
    named = _Named("a")
    months = [r.month("2025-11", "210000.00"), r.month("2025-12", "190000.00")]
    for each in (
        r.brought("C2", "vip", on="2025-12-31", level="gold", watch=[], below_entry=1, months=months, at="2026-01-01"),
        r.brought("C3", "lapsed", on="2025-12-31", grace_left=2, months=months, at="2026-01-01"),
        r.brought("C9", "vip", on="2025-12-31", level="gold", below_entry=5, months=months, at="2026-01-01"),
        r.brought("D1", "lapsed", on="2025-12-31", grace_left=1, at="2026-01-01"),
        r.opened("C9", "A9", on="2026-01-01", balance="1000.00"),
        r.opened("D1", "B1", on="2026-01-01", balance="200000.01"),
        r.opened("D2", "B2", on="2026-01-01", balance="600000.00"),
        r.opened("D3", "B3", on="2026-01-01", balance="190000.00"),
        r.brought("C8", "ordinary", on="2025-11-30", at="2026-01-01"),
        r.opened("C1", "A1", on="2026-01-01", balance="300000.00", product="current", id="open-A1"),
        r.opened("C1", "F1", on="2026-01-01", category="fund"),
        r.opened("C2", "A2", on="2026-01-01", balance="150000.00"),
        r.opened("C3", "A3", on="2026-01-01", balance="-20.00"),
        r.opened("C4", "A4", on="2026-01-02", balance="2100000.00"),
        msgspec.structs.replace(r.deposit("C4", "A4", "1.00", on="2026-01-02"), ext=msgspec.Raw(EXT)),
        r.opened("C5", "A5", on="2026-01-02", balance="10.00", at="2026-01-02T23:59:59.5+14:00"),
        r.opened("C6", "A6", on="2026-01-02", balance="600000.00"),
        r.opened("客户七", "A7", on="2026-01-02", balance="250000.00"),
        r.granted("C5", "platinum", on="2026-01-03"),
        r.deposit("C1", "A1", "10.00", on="2026-01-03", id="first-deposit"),
        r.withdrawal("C1", "A1", "100.10", on="2026-01-04", memo=MEMO, channel="app"),
        r.money("transfer_out", "C1", "A1", "500.00", on="2026-01-05", id="out-1",
                counterparty={"kind": "other_bank", "bank": "ICBC", "account": "6222021234567890", "name": NAME}),
        r.money("transfer_in", "C1", "A1", "400.00", on="2026-01-05", transfer_id="t1", booked_on="2026-01-06"),
        r.money("interest_credited", "C1", "A1", "1.23", on="2026-01-05"),
        r.money("payroll_credited", "C1", "A1", "9000.00", on="2026-01-05"),
        r.money("fee_charged", "C1", "A1", "2.00", on="2026-01-05"),
        r.purchase("C1", "F1", "1000.00", on="2026-01-06", funded_from="A1", units="950.1234"),
        r.valued("C1", "F1", "1010.00", on="2026-01-07", id="value-1"),
        r.redeemed("C1", "F1", "100.00", on="2026-01-08", book="95.00", paid_to="A1"),
        r.matured("C1", "F1", "100.00", on="2026-01-09", book="90.00", paid_to="A1"),
        r.stated("C1", "A1", "1.00", on="2026-01-09"),
        r.stated("C2", "A2", "150000.00", on="2026-01-09"),
        r.reversal("C1", "out-1", at="2026-01-10"),
        r.reversal("C1", "out-1", at="2026-01-10"),
        r.reversal("C1", "nothing", at="2026-01-10"),
        r.deposit("C1", "A1", "11.00", on="2026-01-03", id="first-deposit"),
        r.deposit("C1", "A9", "11.00", on="2026-01-03"),
        r.opened("C1", "A1", on="2026-01-11"),
        r.deposit("C1", "A1", "5.00", on="2026-01-11", currency="USD"),
        r.deposit("C1", "A1", "5.00", on="2026-03-11", at="2026-01-11"),
    ):  # fmt: skip
        yield named(each)
    yield b'{"event_id":"broken","source":"core"'
    yield b'{"event_id":"x1","source":"core","type":"money_found","schema_version":1}'
    yield b'{"event_id":"x2","source":"core","type":"deposit","schema_version":2,"customer_id":"C1"}'
    yield b""
    for day in range(1, 32):
        yield r.close(f"2026-01-{day:02d}", totals=(3, "1.00") if day == 5 else None)
    yield named(r.deposit("C2", "A2", "90000.00", on="2026-02-01"))
    yield named(r.withdrawal("D2", "B2", "300000.00", on="2026-02-01"))
    for day in range(1, 29):
        if day != 14:
            yield r.close(f"2026-02-{day:02d}")


def _second() -> Iterator[Record | bytes]:
    """March to June: late records, reversals, specials and downgrades."""
    named = _Named("b")
    for each in (
        r.withdrawal("C4", "A4", "1600000.00", on="2026-03-01"),
        r.deposit("D2", "B2", "300000.00", on="2026-03-01"),
        r.deposit("D1", "B1", "400000.00", on="2026-03-01"),
        r.deposit("D3", "B3", "50000.00", on="2026-01-02", at="2026-03-02"),
        r.deposit("C6", "A6", "200000.00", on="2026-01-20", at="2026-03-02"),
        r.withdrawal("客户七", "A7", "100000.00", on="2026-02-02", at="2026-03-02"),
        r.reversal("C1", "value-1", at="2026-03-02"),
        r.valued("C6", "A6", "610000.00", on="2026-02-20", at="2026-03-02"),
        r.granted("C4", "gold", on="2026-03-02"),
        r.revoked("C5", on="2026-03-04"),
        r.closed("C3", "A3", on="2026-03-02"),
        r.loan("loan_opened", on="2026-03-01", outstanding="80000.00", **{"class": "normal"}),
        r.loan("loan_disbursed", on="2026-03-02", loan_id="L2", amount="30000.00", paid_to="A1", id="lent"),
        r.loan("loan_repaid", on="2026-02-27", amount="2000.00", paid_from="A1", memo=MEMO, id="paid-back",
               at="2026-03-02"),
        r.reversal("C1", "paid-back", at="2026-03-02"),
        r.overdue(on="2026-03-02", days=1),
        r.classified(on="2026-03-02", to="special_mention"),
        r.registered("E1", at="2026-03-02", name=NAME, number="110101199003070011", branch="0371", born_on="1990-03-07"),
        r.updated("E1", at="2026-03-02", phone="13812345678"),
        r.assigned("E1", "M7", at="2026-03-02", branch="0371"),
        r.consent("E1", at="2026-03-02"),
        r.opened("E1", "E1", on="2026-03-02"),
        r.deposit("E1", "E1", "5.00", on="2026-03-02", memo=MEMO),
        r.deposit("E1", "E9", "5.00", on="2026-03-02", memo=MEMO),
        r.erasure("E1", at="2026-03-02"),
        r.deposit("E1", "E1", "6.00", on="2026-03-02", memo=MEMO),
        r.updated("E1", at="2026-03-02", phone="13812345678"),
        r.met("branch_visit", at="2026-03-02", branch="0371"),
        r.met("phone_call", at="2026-03-02", direction="out", minutes=4),
        r.met("app_session", at="2026-03-02T08:00:00+08:00", minutes=2),
        r.met("message", at="2026-03-02", channel="sms", direction="out"),
        r.met("campaign_contact", at="2026-03-02", campaign="spring"),
        r.met("campaign_response", at="2026-03-02", campaign="spring", response="interested"),
        r.met("product_enquiry", at="2026-03-02", category="fund", product="F-110"),
        r.met("complaint_filed", at="2026-03-02", complaint_id="K1", severity=2, text=MEMO),
        r.met("complaint_resolved", at="2026-03-04", complaint_id="K1", outcome="fee paid back"),
        r.met("complaint_filed", "C6", at="2026-03-02", complaint_id="K2", severity=3),
        r.met("satisfaction_rated", at="2026-03-02", score=2, about="waiting time"),
        r.met("identity_verified", at="2026-03-02", operator="T12", method="id_card", valid_minutes=30),
        r.met("trigger_claimed", at="2026-03-02", trigger_id="C1:dissatisfied:b1", manager_id="M7"),
        r.met("manager_contact", at="2026-03-02", manager_id="M7", outcome="retained",
              trigger_id="C1:dissatisfied:b1", credit_sign="lost the job", note=MEMO),
        r.deposit("C3", "A3", "1.00", on="2026-03-03"),
    ):  # fmt: skip
        yield named(each)
    for day in range(1, 32):
        yield r.close(f"2026-03-{day:02d}")
    yield named(r.withdrawal("C1", "A1", "290000.00", on="2026-04-01"))
    for month, days in (("2026-04", 30), ("2026-05", 31), ("2026-06", 30)):
        for day in range(1, days + 1):
            yield r.close(f"{month}-{day:02d}")
    yield r.close("2026-03-03", id="other")
