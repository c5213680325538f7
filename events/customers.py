"""Records of topic ``bank.customers.v1`` whose effect is built: special VIP (CONTRACT §1, DOMAIN §4)."""

from events.fields import CustomerRecord, Date, Memo, Word


class SpecialVipGranted(CustomerRecord, frozen=True, tag="special_vip_granted"):
    """VIP treatment by decision, for one year from `value_date`."""

    level: Word
    reason: Memo
    granted_by: Word
    value_date: Date


class SpecialVipRevoked(CustomerRecord, frozen=True, tag="special_vip_revoked"):
    """The special treatment ends on the later of `value_date` and the open day."""

    reason: Memo
    value_date: Date


TYPES = (SpecialVipGranted, SpecialVipRevoked)
INACTIVE = (
    "customer_registered",
    "customer_updated",
    "account_linked",
    "customers_merged",
    "manager_assigned",
    "consent_changed",
    "erasure_requested",
)
