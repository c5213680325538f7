"""What views have yet to be told: the law of every store of rows, see ``processors.keeper.Views``."""

from collections.abc import Iterable

import msgspec

from aggregates.customer import Customer
from processors.ports import ViewsUnusable
from projections.feed import Basis, Feed


def untold(feed: Feed, through: int, known: Basis, where: str, otherwise: str) -> Feed | None:
    """The part of a feed that rows of a basis lack; None where they are further on than `through`.

    feed.told: the blocks after the rows' block up to `through`; those up to it are left out, so that a feed may be
    repeated. With the first closed day every customer of the shard is put, as it brings value dates forward. where: names
    the rows; otherwise: what to do where it raises. Raises ViewsUnusable when one is, or the rows are another
    shard's.
    """
    if through < known.block:
        return None
    fresh = [told for told in feed.told if told.block > known.block]
    if [told.block for told in fresh] != list(range(known.block + 1, through + 1)):
        raise ViewsUnusable(f"{where}: stands on block {known.block} and was not told all up to {through}; {otherwise}")
    if known.shard_id not in ("", feed.shard_id):
        raise ViewsUnusable(f"{where}: views of another log; {otherwise}")
    begins = bool(feed.shard.first_month) and not known.first_month and bool(known.block)
    customers: Iterable[Customer] = feed.shard.customers if begins else feed.customers
    return msgspec.structs.replace(feed, told=fresh, customers=customers)
