"""What every command that answers a question does first: open the log for reading and stand on one block."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from aggregates.dates import Day, iso
from guanxi.bootstrap import Bank, open_bank
from guanxi.cli.options import Asked, say
from guanxi.cli.render import Look, freshness_line, look_of
from guanxi.errors import FoundWrong

if TYPE_CHECKING:
    from guanxi.bank_postgres import PostgresBank
    from infra.answers import Answers
    from projections.feed import Basis
    from projections.moment import KnownAt, Moment


class Page(NamedTuple):
    """Everything read through a page stands on one block and is of one moment; footer says which. views: the rows."""

    bank: "Bank | PostgresBank"
    views: "Answers"
    at: "Moment"
    look: Look
    footer: str

    @property
    def basis(self) -> "Basis":
        """Calendar and policies as they were known at the moment."""
        return self.at.known.basis


@contextmanager
def page(
    asked: Asked, as_of: Day = 0, known_at: "KnownAt | None" = None, customer_id: str | None = None
) -> Iterator[Page]:
    """The log's views at one block, and the moment that is asked about: now, unless as_of or known_at say otherwise.

    customer_id: who alone is asked about; block and moment are then those of its shard of the log. Raises what opening
    raises, and NothingKnown for a moment before the log begins.
    """
    with open_bank(asked.settings(), write=False, say=say) as bank, bank.views.page():
        views = bank.views if customer_id is None else bank.views.of(customer_id)
        at = views.moment(as_of, known_at)
        yield Page(bank, views, at, look_of(at.known.basis.policies), footer_of(at))


def footer_of(at: "Moment") -> str:
    """Of which moment an answer is, and how fresh it is."""
    fresh = at.known.basis.freshness
    on = f"on {iso(at.as_of)} " if at.as_of else ""
    return on + freshness_line(fresh.block, fresh.closed_through, len(fresh.blocks) or 1)


def known(on: Page, customer_id: str) -> None:
    """Raises FoundWrong where no record of this customer was taken by then."""
    if not on.views.knows(customer_id, on.at):
        raise FoundWrong("no such customer", customer_id, "guanxi tiers lists them all")
