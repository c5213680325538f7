"""Records about loans that move no money: may they, and what follows (CONTRACT §1)."""

from aggregates.checks import refused_currency, refused_date, refused_loan
from aggregates.customer import Customer
from aggregates.shard import Shard
from aggregates.verdict import NOTHING, Outcome
from events.codec import DAYS
from events.fields import Record
from events.refusals import Refusal
from events.transactions import LoanClassified, LoanOpened, LoanOverdue


def take_loan(shard: Shard, r: LoanOpened, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a loan brought forward: an id is used once."""
    refusal = refused_currency(shard, r.currency) or refused_date(r, DAYS[r.value_date])
    customer = shard.customers.get(r.customer_id)
    if not refusal and customer is not None and customer.loans is not None and r.loan_id in customer.loans:
        refusal = Refusal("loan_exists", f"the customer has or had a loan {r.loan_id!r}", "loan_id")
    if refusal:
        return refusal
    shard.evolve(r)
    return NOTHING


def take_word_on_loan(shard: Shard, r: LoanOverdue | LoanClassified, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take what the bank says of a loan."""
    refusal = refused_date(r, DAYS[r.value_date]) or refused_loan(shard.customers.get(r.customer_id), r.loan_id)
    if refusal:
        return refusal
    shard.evolve(r)
    return NOTHING
