"""All projections: the table of contents of what can be asked."""

from projections.alerts import Alerts
from projections.blocks import Blocks
from projections.complaints import Complaints
from projections.counts import Counts
from projections.customers import Aum
from projections.feed import Projection
from projections.loans import Loans
from projections.managers import Managers
from projections.moves import Moves
from projections.parked import Parked
from projections.rejected import Rejected
from projections.tier_story import TierStory
from projections.tiers import Tiers
from projections.totals import Totals
from projections.trigger_steps import TriggerSteps

PROJECTIONS: tuple[Projection, ...] = (
    Aum(),
    Moves(),
    Tiers(),
    TierStory(),
    TriggerSteps(),
    Managers(),
    Complaints(),
    Loans(),
    Rejected(),
    Parked(),
    Alerts(),
    Totals(),
    Counts(),
    Blocks(),
)
