"""What every command that answers a question does first: open the log for reading and stand on one block."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from guanxi.bootstrap import open_bank
from guanxi.cli.options import Asked, say
from guanxi.cli.render import Look, freshness_line, look_of
from guanxi.errors import FoundWrong

if TYPE_CHECKING:
    from infra.sqlite_views import SqliteViews
    from projections.feed import Basis


class Page(NamedTuple):
    """Everything read from `views` stands on one block; footer says which."""

    views: "SqliteViews"
    basis: "Basis"
    look: Look
    footer: str


@contextmanager
def page(asked: Asked) -> Iterator[Page]:
    """The log's views at one block. Raises what opening raises."""
    with open_bank(asked.settings(), write=False, say=say) as bank, bank.views.page() as fresh:
        basis = bank.views.basis()
        yield Page(bank.views, basis, look_of(basis.policies), freshness_line(fresh.block, fresh.closed_through))


def known(views: "SqliteViews", customer_id: str) -> None:
    """Raises FoundWrong where no record of this customer was taken."""
    if views.customer(customer_id) is None:
        raise FoundWrong("no such customer", customer_id, "guanxi tiers lists them all")
