"""A core system, a branch and a call centre that send records to a model bank with triggers."""

from datetime import date, timedelta
from typing import Any

from tests.model.core import Core
from tests.model.trigger_life import Step
from tests.model.triggers import TriggerBank


class Desk(Core):
    """One customer, C1, whose triggers are looked at."""

    def __init__(self, *policies: dict[str, Any]) -> None:
        super().__init__(*policies)
        self.bank: TriggerBank = TriggerBank(list(policies))

    def sent_out(self, on: str, amount: int, kind: str = "other_bank", **fields: Any) -> str | None:
        """A transfer out of A1."""
        return self.money("transfer_out", on, amount, counterparty={"kind": kind}, **fields)

    def close_through(self, last: str) -> None:
        """Closes day by day."""
        closed = self.bank.closed_day()
        day = date.fromisoformat(last) if closed is None else closed + timedelta(days=1)
        while day <= date.fromisoformat(last):
            self.close(day)
            day += timedelta(days=1)

    def steps(self, code: str | None = None) -> list[Step]:
        """Steps of C1, of one code."""
        return [one for one in self.bank.steps("C1") if code in (None, one.code)]

    def told(self, code: str) -> list[tuple[str, str, str]]:
        """(step, key, business date) of a code."""
        return [(one.step, one.key, str(one.business_date)) for one in self.steps(code)]

    def raised(self, code: str) -> list[str]:
        """Keys of the raises of a code."""
        return [one.key for one in self.steps(code) if one.step == "raised"]


def desk(balance: int = 0, *policies: dict[str, Any], on: str = "2025-01-01", **fields: Any) -> Desk:
    """A1 of C1 opened with a balance, and the first day closed."""
    one = Desk(*policies)
    one.opened(on, balance, **fields)
    one.close(on)
    return one
