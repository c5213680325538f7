"""What projections are fed: blocks of the log in order, the customers they touched, and the shard after them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol, TypeVar

import msgspec

from aggregates.customer import Customer
from aggregates.dates import Day, Month, iso
from aggregates.policy import Policies, Policy
from aggregates.shard import EARLIEST, Shard
from events.decisions import Decision
from events.transactions import CustomerBroughtForward
from projections.table import Table

Kind = TypeVar("Kind")
_LINE = itemgetter(1)

Row = tuple[Any, ...]
"""Values of a table's columns in their order."""


class Stands(Protocol):
    """Where a shard stands behind a block: so many lines, customers and accounts, and its calendar (0: not known yet)."""

    @property
    def lines(self) -> int:
        """Lines of the log."""

    @property
    def customers(self) -> int:
        """Customers that arrived."""

    @property
    def accounts(self) -> int:
        """Accounts that were opened."""

    @property
    def first_month(self) -> Month:
        """F."""

    @property
    def last_closed(self) -> Month:
        """L."""

    @property
    def closed_through(self) -> Day:
        """The last closed day."""

    @property
    def policies(self) -> tuple[Policy, ...] | None:
        """All known versions, None if the block brought none."""


class Told(Protocol):
    """One block of the log, read or written."""

    @property
    def block(self) -> int:
        """Number of the block."""

    @property
    def at(self) -> str:
        """Commit clock, ISO text."""

    @property
    def facts(self) -> Mapping[str, int]:
        """How many records of each type were taken."""

    @property
    def duplicates(self) -> int:
        """How many records were left out because they were taken before."""

    @property
    def decisions(self) -> Sequence[tuple[int, Decision]]:
        """(line of the log, decision) in log order."""

    @property
    def brought(self) -> Sequence[tuple[int, CustomerBroughtForward]]:
        """(line of the log, record) of customers brought forward."""

    @property
    def moves(self) -> Sequence[int]:
        """What moved, flat: account number, day, amount in minor units."""

    @property
    def stands(self) -> Stands:
        """The shard behind the block."""


class Feed(msgspec.Struct):
    """Input of one fold.

    told: consecutive blocks; customers: every customer that they touched, as it is after the last of them; shard: the
    state after the last of them; shard_id: the shard's name.
    """

    told: Sequence[Told]
    customers: Iterable[Customer]
    shard: Shard
    shard_id: str
    _sorted: tuple[Sequence[Told], dict[type[Any], list[tuple[Told, int, Any]]]] | None = None

    def decisions(self, kind: type[Kind], *more: type[Kind]) -> Sequence[tuple[Told, int, Kind]]:
        """(block, line of the log, decision) of all blocks, of these kinds, in log order."""
        if self._sorted is None or self._sorted[0] is not self.told:  # once for all who ask
            self._sorted = self.told, {}
            for told in self.told:
                for line, decision in told.decisions:
                    self._sorted[1].setdefault(decision.__class__, []).append((told, line, decision))
        found = [several for each in (kind, *more) if (several := self._sorted[1].get(each))]
        return found[0] if len(found) == 1 else sorted(chain(*found), key=_LINE)


class Projection(Protocol):
    """Answers one question. version: raised whenever rows get another shape or meaning, so that they are made anew.

    ``rows`` is a pure fold: the same feed gives the same rows; a row of a known key replaces it (``Table.adds``).
    """

    @property
    def name(self) -> str:
        """Names the projection and its position."""

    @property
    def version(self) -> int:
        """Version of the rows."""

    @property
    def table(self) -> Table:
        """Where the rows go."""

    def rows(self, feed: Feed) -> Iterable[Row]:
        """Rows to put for a feed."""


class Basis(msgspec.Struct, frozen=True):
    """What reading needs besides rows: calendar and policies as of the same block. 0: not known yet.

    odd_days: that are no working day from Monday to Friday, or one on a weekend, ascending.
    """

    shard_id: str = ""
    block: int = 0
    first_month: Month = 0
    last_closed: Month = 0
    closed_through: Day = 0
    retained_months: int = 0
    policies: tuple[Policy, ...] = ()
    odd_days: tuple[Day, ...] = ()

    @property
    def oldest_month(self) -> Month:
        """The oldest month whose sums are still kept; 0 while no day is closed."""
        if not self.last_closed:
            return self.first_month
        return max(self.first_month, self.last_closed - self.retained_months + 1)

    @property
    def policy_version(self) -> str:
        """The version that a customer stands under of whom nothing was decided: that of the last closed month."""
        if not self.policies:
            return ""
        return Policies(self.policies).at(self.last_closed or self.first_month or EARLIEST).version

    @property
    def freshness(self) -> "Freshness":
        """How fresh rows of this basis are."""
        return Freshness(self.shard_id, self.block, iso(self.closed_through) if self.closed_through else None)


class Freshness(msgspec.Struct, frozen=True):
    """How fresh an answer is: the block it stands on, and through which date business days are closed (None: none).

    blocks: of a log of several shards, the block of each, by number; then `shard` is empty, `block` the sum, and the days
    are closed in all of them.
    """

    shard: str
    block: int
    closed_through: str | None
    blocks: tuple[int, ...] = ()


class BasisOfShards(Basis, frozen=True):
    """What several shards have in common: days closed in all of them, every policy that one of them knows."""

    blocks: tuple[int, ...] = ()

    @property
    def freshness(self) -> Freshness:
        """See ``Freshness``."""
        return Freshness(
            self.shard_id, self.block, iso(self.closed_through) if self.closed_through else None, self.blocks
        )


def basis_over(bases: Sequence[Basis]) -> Basis:
    """The basis of answers over shards, by number: the only one's, or what they have in common."""
    if len(bases) == 1:
        return bases[0]
    return BasisOfShards(
        "",
        sum(basis.block for basis in bases),
        min((basis.first_month for basis in bases if basis.first_month), default=0),
        min(basis.last_closed for basis in bases),
        min(basis.closed_through for basis in bases),
        max(basis.retained_months for basis in bases),
        max((basis.policies for basis in bases), key=len),
        tuple(sorted({day for basis in bases for day in basis.odd_days})),
        tuple(basis.block for basis in bases),
    )


def basis_of(shard: Shard, shard_id: str, block: int) -> Basis:
    """The basis of rows folded from a shard's state after a block."""
    return Basis(
        shard_id,
        block,
        shard.first_month,
        shard.last_closed,
        shard.closed_through,
        shard.policies.retained_months if len(shard.policies) else 0,
        tuple(shard.policies),
        shard.calendar.odd_days(),
    )
