"""Erasing a customer by hand: the owner of the shard takes a request of the log's own, as if a system had published it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from aggregates.master_data import take_erasure
from events.customers import ErasureRequested
from events.decisions import CustomerErased, Decision
from events.fields import Record
from events.refusals import Refusal
from processors.again import TakingAgain
from processors.faults import CommandUnfit
from processors.ports import Input

SOURCE: Final = "guanxi"
"""`source` of what the program itself asks for."""
ASKED: Input = ("asked", 0)
"""Where a request of the log's own comes from when it is judged."""


class Erasing(TakingAgain):
    """The part of the intake that erases by hand. See the module."""

    def _put(self, at: int, stored: Record, outcome: Sequence[Decision]) -> None:
        raise NotImplementedError

    def erase(
        self,
        customer_id: str,
        event_id: str,
        occurred_at: str,
        reason: str | None = None,
        command: tuple[Input, int] | None = None,
    ) -> None:
        """Erase a customer; in the log when this returns, and the key destroyed. One who is erased stays as it is.

        event_id, occurred_at: of the request, which is a record of `SOURCE`; reason: in clear, None for none; command: input
        and position of the command that asks for it. Raises CommandUnfit for a customer that is parked or never heard of,
        and what ``take`` raises.
        """
        with self._ours(ASKED, [-1, -1, -1]):
            if customer_id not in self.shard.erased:
                self._erase(customer_id, event_id, occurred_at, reason)
            self._moved_by(command)
            self.commit()

    def _erase(self, customer_id: str, event_id: str, occurred_at: str, reason: str | None) -> None:
        shard = self.shard
        if customer_id in shard.parked:
            raise CommandUnfit(
                f"{customer_id}: this customer is parked, and what waits could not be read any more: guanxi unpark first"
            )
        if customer_id not in shard.customers.all:
            raise CommandUnfit(f"{customer_id}: no such customer; guanxi tiers lists them all")
        record = ErasureRequested(
            event_id=event_id, source=SOURCE, schema_version=1, occurred_at=occurred_at, customer_id=customer_id
        )
        batch = self._batch = self._look_up([record])
        outcome = take_erasure(shard, record, None, None)
        assert not isinstance(outcome, Refusal)  # a request to erase is always taken
        said = [
            msgspec.structs.replace(each, reason=reason) if isinstance(each, CustomerErased) else each
            for each in outcome
        ]
        self._put(0, record, said)
        batch.reached = 1
