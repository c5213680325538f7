"""What judging a record gives: a refusal, or what was decided from it."""

from collections.abc import Sequence

from events.decisions import Decision
from events.refusals import Refusal

Outcome = Refusal | Sequence[Decision]
NOTHING: tuple[Decision, ...] = ()
"""The outcome of a record that was taken and decided nothing: most of them."""


class HistoryNeeded(Exception):
    """The record can only be judged with the account's whole history: take it again with `history`."""

    def __init__(self, customer_id: str, account_id: str) -> None:
        super().__init__(customer_id, account_id)
        self.customer_id, self.account_id = customer_id, account_id
