"""Any day, as known at any time: against the slow model bank, and against a log that was cut there."""

import os
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aggregates.customer import Customer
from aggregates.dates import day_of, first_day, iso, iso_month, month_of
from aggregates.policy import Policies
from aggregates.shard import Shard
from events.decisions import MonthRestated
from guanxi.cli.customer_page import page_of
from infra.sqlite_views import SqliteViews
from processors.history import History
from processors.past import folded
from projections.customers import aum_of, worth_of
from projections.feed import Feed
from projections.moment import Moment
from projections.tiers import TiersAt
from tests.cli.foretold import as_the_page_says
from tests.model.histories import written_history
from tests.model.tiers import Tier, close_month
from tests.proof.world import World, replayed

SEEDS = range(int(os.environ.get("GUANXI_PROOF_FROM", "0")), int(os.environ.get("GUANXI_PROOF_TO", "20")))
DAYS_ASKED = 6
FOREVER = day_of("2199-12-31")


class Asked:
    """A world, its views, and the model bank that took the same records."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.rng, self.folder = seed, random.Random(seed), folder
        written = written_history(self.rng, size=150)
        self.bank = written.bank
        self.world = World([])
        self.world.shard.policies = Policies()  # they come with the log, as in a real one
        for content in written.policies:
            self.world.activate(content)
        self.world.feed(list(written.records), self.rng)
        self.history = History(self.world.log)
        self.views = self.viewed(self.world.log.head().block)

    def viewed(self, until: int) -> SqliteViews:
        """The views of the log cut behind a block."""
        shard = Shard(Policies())
        if until:
            shard = replayed(shard, _Cut(self.world.log, until), 0)
        views = SqliteViews(self.folder / f"views-{until}-{self.rng.random()}", write=True)
        views.put(Feed(self.world.told[:until], list(shard.customers), shard, "s"), until)
        return views

    def days(self) -> list[int]:
        """Some days that may be asked about."""
        shard = self.world.shard
        if not shard.first_month:
            return []
        first, last = first_day(shard.first_month), shard.closed_through + 3
        return [self.rng.randint(first, last) for _ in range(DAYS_ASKED)]

    def folded(self, customer_id: str, at: Moment) -> Customer:
        lines = (line for _, _, line in self.history.lines_of(customer_id, at.known.basis.block))
        return folded(customer_id, lines, Policies(at.known.basis.policies), at.known.basis.first_month)

    def page(self, views: SqliteViews, customer_id: str, at: Moment) -> dict[str, Any]:
        lines = [line for _, _, line in self.history.lines_of(customer_id, at.known.basis.block)]
        restated = [line for line in lines if isinstance(line, MonthRestated)]
        changes = list(views.tier_changes(customer_id, at=at))
        return page_of(self.folded(customer_id, at), at, restated, changes, views.alerts(customer_id, at))


class _Cut:
    """A log that ends with a block."""

    def __init__(self, log: Any, until: int) -> None:
        self._log, self._until = log, until

    def blocks(self, after: int = 0) -> Iterator[Any]:
        for block in self._log.blocks(after):
            if block.number > self._until:
                return
            yield block


@pytest.fixture(scope="module", params=SEEDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    found = Asked(request.param, tmp_path_factory.mktemp("asked"))
    yield found
    found.views.close()


@pytest.fixture
def asked(made: Asked) -> Asked:
    """Made once for all tests, for no question changes it; each asks about days of its own, the same in every run."""
    made.rng.seed(made.seed)
    return made


def test_balances_and_month_sums_are_those_of_the_model(asked: Asked) -> None:
    bank, views = asked.bank, asked.views
    for day in asked.days():
        at = views.moment(day)
        expected = {
            (who, account): bank.end_of_day(who, account, _date(day))
            for who in bank.customers()
            for account in bank.spot_by_account(who)
        }
        assert _by_account(views.aum("account", at=at), "spot") == expected
        for who in bank.customers():
            accounts = asked.folded(who, at).accounts
            rows = aum_of(who, accounts, "account", None, worth_of(None, day, at.known.basis.first_month))
            assert _by_account(rows, "spot") == {key: value for key, value in expected.items() if key[0] == who}
    for month in _months(asked):
        sums = {
            (who, account): value
            for who in bank.customers()
            for account, value in bank.month_sum_by_account(who, month).items()
        }
        assert _by_account(views.aum("account", month), "sum") == sums
        assert _by_account(views.aum("account", month, at=views.moment(FOREVER)), "sum") == sums


def test_tiers_are_what_the_machine_says_of_the_months_before(asked: Asked) -> None:
    """For whoever has no special and was not brought: the machine run from the first month on sums as known now."""
    bank, views, shard = asked.bank, asked.views, asked.world.shard
    for day in asked.days():
        at = views.moment(day)
        for row in views.tiers(at=at):
            who = row["customer_id"]
            story = shard.customers.ensure(who).story
            if story is not None and (story.asked_special or story.is_brought or story.late):
                continue
            tier = Tier()
            for month in range(shard.first_month, min(shard.last_closed, month_of(day) - 1) + 1):
                text = iso_month(month)
                for move in close_month(tier, text, bank.month_sum(who, text), bank.policies.of_month(text)):
                    tier = move.after
            assert (row["state"], row["level"], row["watch"], row["below_entry"], row["grace_left"]) == (
                tier.state, tier.level, len(tier.watch), tier.below_entry, tier.grace_left,
            ), (who, iso(day))  # fmt: skip


def test_without_late_records_a_tier_is_what_was_published_last(asked: Asked) -> None:
    """Of the changes effective by a day the last one; specials and those brought along included."""
    restated = {decision.customer_id for decision in asked.world.decisions(MonthRestated)}
    for day in asked.days():
        at = asked.views.moment(day)
        for row in asked.views.tiers(at=at):
            who = row["customer_id"]
            if who in restated:
                continue
            changes = [each for each in asked.bank.tier_changes(who) if each["effective_date"] <= iso(day)]
            every = asked.bank.tier_changes(who)
            first = every[0]["before"] if every else asked.bank.tier_row(who)
            said = changes[-1]["after"] if changes else first
            assert (row["state"], row["level"]) == (said["state"], said["level"]), (who, iso(day))


def test_rows_of_everyone_are_rows_of_each(asked: Asked) -> None:
    for day in asked.days():
        at = asked.views.moment(day)
        assert list(asked.views.tiers(at=at)) == [
            TiersAt(at).row(asked.folded(who, at)) for who in asked.bank.customers()
        ]
        for row in asked.views.forecast(at):
            assert row == as_the_page_says(asked.page(asked.views, row["customer_id"], at))
        (month, *_) = _months(asked)
        every = list(asked.views.aum("category", month, at=at))
        each = [
            row
            for who in asked.bank.customers()
            for row in aum_of(
                who,
                asked.folded(who, at).accounts,
                "category",
                _month(month),
                worth_of(_month(month), day, at.known.basis.first_month),
            )
        ]
        assert every == each


def test_the_end_of_days_is_now(asked: Asked) -> None:
    forever = asked.views.moment(FOREVER)
    assert not forever.is_now
    assert list(asked.views.tiers(at=forever)) == list(asked.views.tiers())
    assert [row["projected"] for row in asked.views.forecast(forever)] == [
        row["projected"] for row in asked.views.forecast()
    ]
    assert list(asked.views.aum("account", at=forever)) == list(asked.views.aum("account"))
    assert list(asked.views.tier_changes(at=forever)) == list(asked.views.tier_changes())


def test_what_was_known_is_a_log_cut_there(asked: Asked) -> None:
    for block in _some_blocks(asked):
        cut, at = asked.viewed(block), asked.views.moment(known_at=block)
        assert list(asked.views.tiers(at=at)) == list(cut.tiers())
        assert list(asked.views.forecast(at)) == list(cut.forecast())
        assert list(asked.views.tier_changes(at=at)) == list(cut.tier_changes())
        for by in ("total", "category", "account"):
            assert list(asked.views.aum(by, at=at)) == list(cut.aum(by))
            for month in _months(asked):
                assert list(asked.views.aum(by, month, at=at)) == list(cut.aum(by, month))
        for day in asked.days():
            if not at.known.basis.first_month or day < first_day(at.known.basis.first_month):
                continue
            then, same = asked.views.moment(day, block), cut.moment(day)
            assert list(asked.views.tiers(at=then)) == list(cut.tiers(at=same))
            assert list(asked.views.aum("account", at=then)) == list(cut.aum("account", at=same))
            for who in asked.bank.customers():
                if cut.knows(who):
                    assert asked.views.knows(who, then)
                    assert asked.page(asked.views, who, then) == asked.page(cut, who, same)
                else:
                    assert not asked.views.knows(who, then)
        cut.close()


def _some_blocks(asked: Asked) -> list[int]:
    blocks = range(1, asked.world.log.head().block + 1)
    return sorted(asked.rng.sample(blocks, min(3, len(blocks))))


def _months(asked: Asked) -> list[str]:
    shard = asked.world.shard
    if not shard.first_month:
        return ["2020-01"]
    return [iso_month(m) for m in range(shard.first_month, (shard.last_closed or shard.first_month) + 2)]


def _month(text: str) -> int:
    return int(text[:4]) * 12 + int(text[5:]) - 1


def _date(day: int) -> date:
    return date.fromordinal(day)


def _by_account(rows: Iterator[dict[str, Any]], field: str) -> dict[tuple[str, str], int]:
    return {(row["customer_id"], row["account_id"]): row[field] for row in rows}
