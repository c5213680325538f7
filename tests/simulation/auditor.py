"""The auditor: what must be in a log, and what must come out of it, by the slow model bank that knows only the rules."""

import random
from typing import Any, NamedTuple

from tests.model.bank import Bank
from tests.model.months import months_between, plus_months
from tests.simulation.ledger import Block, Line

Record = dict[str, Any]
_PLAIN = ("type", "source", "event_id", "customer_id", "occurred_at", "account_id", "amount", "value_date", "date")
"""Fields by which a record is known again in the log: the others may be sealed."""


class Wrong(Exception):
    """Something is not as it must be."""


class Input(NamedTuple):
    """One file of records."""

    name: str
    records: list[Record]


def expect(what: str, found: Any, expected: Any) -> None:
    """Raises Wrong, with the first place where two answers differ."""
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list):
        for at, (ours, theirs) in enumerate(zip(found, expected, strict=False)):
            if ours != theirs:
                raise Wrong(
                    f"{what}: at {at} of {len(found)} / {len(expected)}:\n  found    {ours}\n  expected {theirs}"
                )
        more = found[len(expected) :] or expected[len(found) :]
        raise Wrong(f"{what}: {len(found)} found, {len(expected)} expected; from there on: {more[:3]}")
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in [*expected, *found]:
            if found.get(key) != expected.get(key):
                raise Wrong(f"{what}: {key}:\n  found    {found.get(key)}\n  expected {expected.get(key)}")
    raise Wrong(f"{what}:\n  found    {found}\n  expected {expected}")


class Auditor:
    """Follows one log by the records that were put into it. inputs: the files, in the order in which they are taken."""

    def __init__(self, policies: list[dict[str, Any]], inputs: list[Input]) -> None:
        self.bank = Bank(policies)
        self.taken = self.refused = self.duplicates = self.audits = 0
        self._inputs = inputs
        self._records = [(each.name, number, record) for each in inputs for number, record in enumerate(each.records)]
        self._judged = 0
        self._lines: list[tuple[Any, ...]] = []
        self._places: dict[tuple[str, str], set[str]] = {}

    # ------------------------------------------------------------------------------------------ records

    def judged(self, blocks: list[Block]) -> int:
        """How many records a log has judged, by the positions in it. Raises Wrong if it went back."""
        begun = {name for block in blocks for name in block.inputs}
        stands = blocks[-1].inputs if blocks else {}
        count = 0
        for each in self._inputs:
            if each.name in stands:
                count += stands[each.name]
            elif each.name in begun:
                count += len(each.records)
        if count < self._judged:
            raise Wrong(f"records are lost: {self._judged} were judged, now {count}")
        return count

    def read(self, blocks: list[Block]) -> None:
        """Every record is in the log once or refused once, in order, nothing else, nothing less. Raises Wrong."""
        at = 0
        for number, block in enumerate(blocks, 1):
            expect("block", (block.number, block.first), (number, at))
            at += len(block.lines)
        self._judge(self.judged(blocks))
        lines = [line for block in blocks for line in block.lines]
        expect("records and refusals in the log", [found for line in lines if (found := _known(line))], self._lines)
        expect("duplicates counted", sum(block.duplicates for block in blocks), self.duplicates)

    def _judge(self, count: int) -> None:
        while self._judged < count:
            file, number, record = self._records[self._judged]
            self._judged += 1
            outcome = self.bank.take(record)
            if outcome == "duplicate":
                self.duplicates += 1
            elif outcome is None:
                self.taken += 1
                self._lines.append(_known(record) or ())
                if "customer_id" in record:
                    place = f"{record['customer_id']} {record['occurred_at'][:7]}"
                    self._places.setdefault((record["source"], record["event_id"]), set()).add(place)
            else:
                self.refused += 1
                self._lines.append(("refused", file.removeprefix("file:"), number + 1, outcome, record["event_id"]))

    def again(self) -> list[int]:
        """Judge everything once more -> how many more are taken, duplicates, refused."""
        before = [self.taken, self.duplicates, self.refused]
        self._judged = 0
        self._judge(len(self._records))
        return [now - then for now, then in zip([self.taken, self.duplicates, self.refused], before, strict=True)]

    # ------------------------------------------------------------------------------------------ decisions

    def decided(self, blocks: list[Block]) -> None:
        """Tier changes, restatements and alerts of a log are those of the model bank. Raises Wrong."""
        lines = [line for block in blocks for line in block.lines]
        changes: dict[str, list[Line]] = {}
        for line in lines:
            if line["type"] == "tier_changed":
                change = {name: value for name, value in line.items() if name not in ("type", "tier")}
                changes.setdefault(line["customer_id"], []).append(change)
        for customer_id, found in changes.items():
            expect(f"sequences of {customer_id}", [c["sequence"] for c in found], list(range(1, len(found) + 1)))
        expected = {one: self.bank.tier_changes(one) for one in self.bank.customers()}
        expect("tier changes", changes, {one: found for one, found in expected.items() if found})
        restated = [
            (line["customer_id"], month["month"], month["before"], month["after"], line["cause"])
            for line in lines
            if line["type"] == "month_restated"
            for month in line["months"]
        ]
        expect("restatements", restated, self.bank.restatements)
        expect(
            "alerts", sorted(filter(None, map(_alert, lines)), key=str), sorted(map(_said, self.bank.alerts), key=str)
        )
        twice = [(line["source"], line["event_id"]) for line in lines if line.get("kind") == "id_in_two_places"]
        expect("ids told of once", len(twice), len(set(twice)))
        expect("ids in two places", set(twice), {key for key, places in self._places.items() if len(places) > 1})

    def answers(self, views: Any, rng: random.Random) -> None:
        """What the views say of tiers, balances, a month and changes is what the model says. Raises Wrong."""
        bank = self.bank
        expect("closed through", views.freshness.closed_through, bank.closed_through)
        tiers = {row["customer_id"]: row for row in views.tiers()}
        expect("customers", sorted(tiers), sorted(bank.customers()))
        for customer_id in bank.customers():
            expected = bank.tier_row(customer_id)
            expect(f"tier of {customer_id}", {name: tiers[customer_id][name] for name in expected}, expected)
        changes = [change for one in bank.customers() for change in bank.tier_changes(one)]
        expect("published tier changes", list(views.tier_changes()), changes)
        spot = {one: {a: b for a, b in bank.spot_by_account(one).items() if b} for one in bank.customers()}
        expect(
            "balances",
            _by_account(views.aum(by="account"), "spot"),
            {one: found for one, found in spot.items() if found},
        )
        counts = views.counts()
        expect("records taken", sum(counts["taken"].values()), self.taken)
        expect("records refused", sum(counts["refused"].values()), self.refused)
        expect("duplicates", sum(counts["duplicate"].values()), self.duplicates)
        if bank.first_month is None:
            return
        last = bank.last_closed_month or plus_months(bank.first_month, -1)
        windows = min(version.restatement_months for version in bank.policies.versions)
        months = months_between(max(bank.first_month, plus_months(last, 1 - windows)), plus_months(last, 1))
        for month in rng.sample(months, min(2, len(months))):
            sums = {one: bank.month_sum_by_account(one, month) for one in bank.customers()}
            sums = {one: {a: s for a, s in found.items() if s} for one, found in sums.items()}
            found = _by_account(views.aum(by="account", month=month), "sum")
            expect(f"sums of {month}", found, {one: each for one, each in sums.items() if each})


def _known(line: Line) -> tuple[Any, ...] | None:
    """What is compared of a record or a refusal; None for other lines."""
    if line["type"] == "record_refused":
        return "refused", line["file"], line["line"], line["reason"], line.get("event_id")
    if "event_id" in line and "schema_version" in line:
        return tuple(line.get(name) for name in _PLAIN)
    return None


def _alert(line: Line) -> tuple[Any, ...] | None:
    if line["type"] == "integrity_alerted" and line["kind"] != "id_in_two_places":
        numbers = (line.get("expected"), line.get("actual")) if line["kind"].startswith("balance") else (None, None)
        return (*(line.get(name) for name in ("kind", "customer_id", "account_id", "source", "date")), *numbers)
    if line["type"] == "totals_counted":
        ours = {"count": line["count"], "signed_sum": line["signed_sum"]}
        stated = {"count": line["stated_count"], "signed_sum": line["stated_signed_sum"]}
        if ours != stated:
            return "totals_differ", None, None, line["source"], line["date"], stated, ours
    return None


def _said(alert: dict[str, Any]) -> tuple[Any, ...]:
    numbers = alert["kind"].startswith(("balance", "totals"))
    names = ("kind", "customer_id", "account_id", "source", "date")
    return (*(alert[name] for name in names), *(alert[name] if numbers else None for name in ("expected", "actual")))


def _by_account(rows: Any, what: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row[what]:
            found.setdefault(row["customer_id"], {})[row["account_id"]] = row[what]
    return found
