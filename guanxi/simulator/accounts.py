"""What a customer holds at the bank: accounts, and products."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True)
class Account:
    """A deposit or margin account of a customer; balance in minor units."""

    customer_id: str
    account_id: str
    category: str
    opened_on: date
    balance_minor: int = 0
    head: str = field(init=False)
    """Customer and account as JSON text, which every record about it carries."""

    def __post_init__(self) -> None:
        """Put the text together once."""
        self.head = f',"customer_id":"{self.customer_id}","account_id":"{self.account_id}"'


@dataclass(slots=True)
class Holding(Account):
    """A product held: worth `balance_minor`; funds and gold by units (hundredths) of product `product`."""

    product: str = ""
    units_hundredths: int = 0
    matures_on: date | None = None
