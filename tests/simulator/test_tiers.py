"""The simulated bank keeps the tier machine busy: every kind of tier change comes up within fourteen months."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

from guanxi.bootstrap import open_bank
from guanxi.settings import Settings, log_url
from guanxi.simulator import POLICY_FILE
from guanxi.simulator.days import bank_day
from guanxi.simulator.population import CNY, Career
from guanxi.simulator.stream import START, Bank
from guanxi.simulator.text import ENCODING

SEED = 7
KINDS = {
    "entered", "reentered", "upgraded", "downgraded", "lapsed", "exited", "watch_started", "watch_cleared",
    "special_granted", "special_ended", "restated",
}  # fmt: skip
CUSTOMER = re.compile(r'"customer_id":"(C\d+)"')


def stream_of_some(customers: int, days: int, seed: int) -> bytes:
    """The stream without those whose money never comes near a tier: they are nine records in ten, and change none."""
    bank = Bank(customers, days, seed)
    wanted = {
        each.customer_id
        for each in bank.everyone
        if each.wealth_minor >= 100_000 * CNY or each.career is Career.WINDFALL
    }
    found = []
    for number in range(days):
        for line in bank.lines_of(bank_day(START + timedelta(days=number))):
            customer = CUSTOMER.search(line)
            # Special VIPs are chosen among those of little wealth.
            if customer is None or customer[1] in wanted or '"type":"special' in line:
                found.append(line)
    return "\n".join(found).encode(ENCODING)


def test_every_kind_of_tier_change_comes_up_in_fourteen_months(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_bytes(stream_of_some(800, 425, seed=SEED))
    settings = Settings(log=log_url(tmp_path / "bank.db"), policy=POLICY_FILE)
    with open_bank(settings, write=True) as bank:
        counts = bank.ingest([str(records)])
    assert (counts.duplicate, counts.refused) == (0, 0)
    with open_bank(settings, write=False) as bank:
        kinds = Counter(str(change["kind"]) for change in bank.views.tier_changes())
    assert set(kinds) == KINDS, kinds
    assert min(kinds.values()) >= 2, kinds
