"""Records of topic ``bank.transactions.v1``: money, products, valuations, loans and onboarding (CONTRACT §1)."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from events.fields import (
    MAX_MINOR,
    AccountId,
    Amount,
    Category,
    Counterparty,
    Currency,
    CustomerRecord,
    Date,
    DecimalText,
    LoanClass,
    LoanId,
    Memo,
    MonthSum,
    NotNegative,
    Reference,
    Signed,
    TierStateName,
    Word,
)


class AccountOpened(CustomerRecord, frozen=True, tag="account_opened"):
    """An account or holding exists from `value_date`."""

    account_id: AccountId
    category: Category
    currency: Currency
    value_date: Date
    opening_balance: Signed | UnsetType = UNSET
    product: Word | UnsetType = UNSET
    matures_on: Date | UnsetType = UNSET


class AccountClosed(CustomerRecord, frozen=True, tag="account_closed"):
    """The account ends on `value_date`. It moves no money: a balance left is an integrity alert."""

    account_id: AccountId
    value_date: Date


class MoneyRecord(CustomerRecord, frozen=True):
    """What every record that moves money may carry."""

    account_id: AccountId
    amount: Amount
    currency: Currency
    value_date: Date
    booked_on: Date | UnsetType = UNSET
    channel: Word | UnsetType = UNSET
    counterparty: Counterparty | UnsetType = UNSET
    memo: Memo | UnsetType = UNSET
    transfer_id: Word | UnsetType = UNSET


class Deposit(MoneyRecord, frozen=True, tag="deposit"):
    """Cash or a cheque paid in: the balance grows."""


class TransferIn(MoneyRecord, frozen=True, tag="transfer_in"):
    """Money received by transfer: the balance grows."""


class InterestCredited(MoneyRecord, frozen=True, tag="interest_credited"):
    """Interest paid by the bank: the balance grows."""


class PayrollCredited(MoneyRecord, frozen=True, tag="payroll_credited"):
    """A salary or pension: the balance grows."""


class Withdrawal(MoneyRecord, frozen=True, tag="withdrawal"):
    """Cash or a card payment: the balance falls."""


class TransferOut(MoneyRecord, frozen=True, tag="transfer_out"):
    """Money sent by transfer: the balance falls."""


class FeeCharged(MoneyRecord, frozen=True, tag="fee_charged"):
    """A fee or penalty: the balance falls."""


class ProductPurchased(MoneyRecord, frozen=True, tag="product_purchased"):
    """The holding `account_id` grows by `amount`; `funded_from` falls by it."""

    funded_from: AccountId | UnsetType = UNSET
    product: Word | UnsetType = UNSET
    units: DecimalText | UnsetType = UNSET
    matures_on: Date | UnsetType = UNSET


class ProductRedeemed(MoneyRecord, frozen=True, tag="product_redeemed"):
    """The holding falls by `book` (absent: `amount`); `paid_to` grows by `amount`."""

    book: NotNegative | UnsetType = UNSET
    paid_to: AccountId | UnsetType = UNSET
    units: DecimalText | UnsetType = UNSET


class ProductMatured(MoneyRecord, frozen=True, tag="product_matured"):
    """A product came to its term: the holding falls by `book` (absent: `amount`); `paid_to` grows by `amount`."""

    book: NotNegative | UnsetType = UNSET
    paid_to: AccountId | UnsetType = UNSET
    units: DecimalText | UnsetType = UNSET


class ValuationUpdated(CustomerRecord, frozen=True, tag="valuation_updated"):
    """The holding is worth `market_value` at the end of `value_date`."""

    account_id: AccountId
    market_value: NotNegative
    currency: Currency
    value_date: Date
    units: DecimalText | UnsetType = UNSET
    price: DecimalText | UnsetType = UNSET


class BalanceStated(CustomerRecord, frozen=True, tag="balance_stated"):
    """The core's own end-of-day balance: a difference from ours is an integrity alert, nothing else."""

    account_id: AccountId
    balance: Signed
    currency: Currency
    value_date: Date


class CustomerBroughtForward(CustomerRecord, frozen=True, tag="customer_brought_forward"):
    """Onboarding: the tier state of a customer on the day before the log's first month."""

    value_date: Date
    state: TierStateName
    months: list[MonthSum]
    level: Word | UnsetType = UNSET
    watch: list[Word | None] | UnsetType = UNSET
    below_entry: Annotated[int, Meta(ge=0, description="months in a row below the entry threshold")] | UnsetType = UNSET
    grace_left: Annotated[int, Meta(ge=1, description="months of grace left")] | UnsetType = UNSET
    until: Date | UnsetType = UNSET
    last_activity_on: Date | UnsetType = UNSET
    payrolls: list[Date] | UnsetType = UNSET


class LoanOpened(CustomerRecord, frozen=True, tag="loan_opened", rename={"loan_class": "class"}):
    """A loan brought forward: what is outstanding at the end of `value_date`. A new one begins with `loan_disbursed`."""

    loan_id: LoanId
    outstanding: NotNegative
    currency: Currency
    value_date: Date
    loan_class: LoanClass | UnsetType = UNSET


class LoanMovement(CustomerRecord, frozen=True):
    """What both records that move a loan may carry."""

    loan_id: LoanId
    amount: Amount
    currency: Currency
    value_date: Date
    booked_on: Date | UnsetType = UNSET
    channel: Word | UnsetType = UNSET
    counterparty: Counterparty | UnsetType = UNSET
    memo: Memo | UnsetType = UNSET
    transfer_id: Word | UnsetType = UNSET


class LoanDisbursed(LoanMovement, frozen=True, tag="loan_disbursed"):
    """Money lent: the loan grows, and begins if it is new; `paid_to` grows too, no posting of its own is sent."""

    paid_to: AccountId | UnsetType = UNSET


class LoanRepaid(LoanMovement, frozen=True, tag="loan_repaid"):
    """Money paid back: the loan falls; `paid_from` falls too, no posting of its own is sent."""

    paid_from: AccountId | UnsetType = UNSET


class LoanOverdue(CustomerRecord, frozen=True, tag="loan_overdue"):
    """So much of a loan was due so many days ago and was not paid; 0 days: it is no longer overdue."""

    loan_id: LoanId
    amount: Amount
    days_overdue: Annotated[int, Meta(ge=0, le=MAX_MINOR, description="days since it was due")]
    value_date: Date


class LoanClassified(CustomerRecord, frozen=True, tag="loan_classified", rename={"loan_class": "class"}):
    """The bank puts a loan into one of the five classes of credit risk."""

    loan_id: LoanId
    loan_class: LoanClass
    value_date: Date


class Reversal(CustomerRecord, frozen=True, tag="reversal"):
    """Undoes one record that moved money or a loan, or one valuation, on the original's value date."""

    reverses: Reference


TYPES = (
    AccountOpened,
    AccountClosed,
    Deposit,
    TransferIn,
    InterestCredited,
    PayrollCredited,
    Withdrawal,
    TransferOut,
    FeeCharged,
    ProductPurchased,
    ProductRedeemed,
    ProductMatured,
    ValuationUpdated,
    BalanceStated,
    CustomerBroughtForward,
    LoanOpened,
    LoanDisbursed,
    LoanRepaid,
    LoanOverdue,
    LoanClassified,
    Reversal,
)
INACTIVE: tuple[str, ...] = ()

CREDITS = (Deposit, TransferIn, InterestCredited, PayrollCredited)
DEBITS = (Withdrawal, TransferOut, FeeCharged)
LOAN_MOVES = (LoanDisbursed, LoanRepaid)
