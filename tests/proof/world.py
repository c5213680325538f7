"""The real system in memory, driven by a history and asked the same questions as the model bank."""

import json
import random
from typing import Any

import msgspec

from aggregates.account import month_sum
from aggregates.customer import aum_sum
from aggregates.dates import iso, iso_month, month_from
from aggregates.money import scaled, share
from aggregates.packing import pack
from aggregates.policy import Level, Policies, Policy
from aggregates.shard import Shard
from events.decisions import IntegrityAlerted, MonthRestated, PolicyActivated, RecordRefused, TierChanged, TotalsCounted
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.vault import Vault
from processors.intake import Intake, Origin
from processors.snapshot import chunks_of, frame_of, shard_from
from processors.stored import decode_lines
from processors.tail import Told

INPUT = ("file:history", 0)


def policy_from(content: dict[str, Any]) -> Policy:
    """A parsed policy file as the system's policy (what guanxi.policy_file does, without its checks)."""
    fields: dict[str, Any] = {}
    for name in ("version", "currency"):
        if name in content:
            fields[name] = content[name]
    if "valid_from" in content:
        fields["valid_from"] = content["valid_from"].toordinal()
    if "sources" in content.get("calendar", {}):
        fields["sources"] = tuple(content["calendar"]["sources"])
    if "levels" in content:
        fields["ladder"] = tuple(Level(lv["code"], scaled(lv["threshold"], 2)) for lv in content["levels"])
    if "triggers" in content:
        fields["triggers"] = {
            code: {name: _stated(name, value) for name, value in said.items()}
            for code, said in content["triggers"].items()
        }
    return Policy(**fields, **content.get("windows", {}))


def _stated(name: str, value: Any) -> Any:
    """A parameter as the policy keeps it."""
    if name == "share":
        return list(share(value))
    return scaled(value, 2) if isinstance(value, str) else value


class World:
    """Log, ids and keys in memory around one shard. `feed` takes records as lines in batches of random size."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        self.policies = [policy_from(p) for p in policies or [{}]]
        self.log = SqliteEventLog(":memory:")
        self.ids = IdIndex(None)
        self.vault = Vault(":memory:", b"k" * 32)
        self.told: list[Told] = []
        self.shard = Shard(Policies(self.policies))
        self.intake = self._intake()
        self.at = 0

    def _intake(self) -> Intake:
        return Intake(self.log, self.shard, self.ids, self.vault, self.told.append, lambda: "2030-01-01T00:00:00Z")

    def feed(self, records: list[dict[str, Any]], rng: random.Random) -> None:
        while records:
            size = rng.choice((1, 3, 20, 200))
            batch, records = records[:size], records[size:]
            data = b"".join(
                json.dumps(r, ensure_ascii=False, separators=rng.choice(((",", ":"), (", ", ": ")))).encode() + b"\n"
                for r in batch
            )
            self.intake.take(Origin(INPUT), self.at, data)
            self.at += len(batch)
            if rng.random() < 0.1:
                self.ids.flush(self.log.head().block)

    def activate(self, content: dict[str, Any]) -> None:
        """Take another policy version in."""
        policy = policy_from(content)
        self.intake.activate(PolicyActivated(version=policy.version, policy=msgspec.to_builtins(policy)))

    def cooling(self, rng: random.Random) -> None:
        """From now on customers go cold at any moment, also just before a day closes: month ends may pass them by."""
        close_days = self.intake.close_days

        def cool_and_close() -> None:
            for customer_id in self.shard.customers.all:
                if rng.random() < 0.6:
                    self.shard.frozen(customer_id)
            close_days()

        self.intake.close_days = cool_and_close  # type: ignore[method-assign]

    # ------------------------------------------------------------------------------------------ other ways to the state

    def rebuilt(self) -> Shard:
        """The state made from the log alone."""
        return replayed(Shard(Policies(self.policies)), self.log, 0)

    def restored(self, rng: random.Random) -> Shard:
        """The state from a snapshot at a random block and the tail behind it."""
        until = rng.randint(0, self.log.head().block)
        shard = Shard(Policies(self.policies))
        for block in self.log.blocks():
            if block.number > until:
                break
            for line in decode_lines(block.body):
                shard.evolve(line)
        found = shard_from(frame_of(shard), chunks_of(shard))
        assert found is not None
        return replayed(found, self.log, until)

    # ------------------------------------------------------------------------------------------ answers

    def decisions(self, kind: type) -> list[Any]:
        return [d for told in self.told for _, d in told.decisions if isinstance(d, kind)]

    def refusals(self) -> list[tuple[int, str]]:
        return [(d.offset, d.reason) for d in self.decisions(RecordRefused)]

    def tier_changes(self, customer_id: str) -> list[dict[str, Any]]:
        return [d.published() for d in self.decisions(TierChanged) if d.customer_id == customer_id]

    def tier_row(self, customer_id: str) -> dict[str, Any]:
        customer = self.shard.customers.get(customer_id)
        assert customer is not None
        tier = customer.tier
        return {
            "state": tier.state,
            "level": tier.level,
            "watch": len(tier.watch),
            "below_entry": tier.below_entry,
            "grace_left": tier.grace_left,
            "until": iso(tier.until) if tier.until else None,
        }

    def sums(self, customer_id: str, month: str) -> tuple[int, dict[str, int]]:
        customer = self.shard.customers.get(customer_id)
        assert customer is not None
        index = month_from(month)
        by_account = {a: month_sum(account, index) for a, account in customer.accounts.items()}
        return aum_sum(customer, index), {a: s for a, s in by_account.items() if s}

    def balances(self, customer_id: str) -> dict[str, int]:
        customer = self.shard.customers.get(customer_id)
        assert customer is not None
        return {a: account.balance for a, account in customer.accounts.items() if account.balance}

    def restatements(self) -> list[tuple[str, str, int, int, dict[str, str]]]:
        return [
            (d.customer_id, m.month, m.before, m.after, {"source": d.cause.source, "event_id": d.cause.event_id})
            for d in self.decisions(MonthRestated)
            for m in d.months
        ]

    def alerts(self) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for d in self.decisions(IntegrityAlerted):
            numbers = (d.expected, d.actual) if d.kind.startswith("balance") else (None, None)
            found.append((d.kind, d.customer_id, d.account_id, d.source, d.date, *numbers))
        for d in self.decisions(TotalsCounted):
            ours = {"count": d.count, "signed_sum": d.signed_sum}
            stated = {"count": d.stated_count, "signed_sum": d.stated_signed_sum}
            if ours != stated:
                found.append(("totals_differ", None, None, d.source, d.date, stated, ours))
        return found


def replayed(shard: Shard, log: SqliteEventLog, after: int) -> Shard:
    """A state brought to the end of the log."""
    for block in log.blocks(after):
        for line in decode_lines(block.body):
            shard.evolve(line)
    return shard


def digest(shard: Shard) -> tuple[bytes, list[bytes]]:
    """Everything a state says, however it was reached: every account rolled to the last closed month."""
    customers = []
    for customer in shard.customers:
        shard.roll(customer)
        customers.append(pack(customer))
    return frame_of(shard), customers


def reachable_months(world: World) -> list[str]:
    """Months whose sums the system still keeps: the window of restatement and the open month."""
    shard = world.shard
    if not shard.first_month:
        return []
    last = shard.last_closed or shard.first_month - 1
    oldest = max(shard.first_month, last - shard.policy.restatement_months + 1)
    return [iso_month(m) for m in range(oldest, last + 2)]
