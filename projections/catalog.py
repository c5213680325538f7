"""All projections: the table of contents of what can be asked."""

from projections.alerts import Alerts
from projections.counts import Counts
from projections.customers import Aum
from projections.feed import Projection
from projections.rejected import Rejected
from projections.tier_changes import TierChanges
from projections.tiers import Tiers
from projections.totals import Totals

PROJECTIONS: tuple[Projection, ...] = (
    Aum(),
    Tiers(),
    TierChanges(),
    Rejected(),
    Alerts(),
    Totals(),
    Counts(),
)
