"""Closing business days: every day that is due, customer by customer, in as many blocks as it takes."""

from aggregates import closing
from aggregates.dates import iso
from events.decisions import DayClosed, DayClosing, IntegrityAlerted
from processors.faults import CannotPark, OurFault, fault_of, is_of_machine
from processors.parking import Parking

CUT_AFTER_LINES = 5_000
"""During a close a block may end at a safe place after this many lines."""
_CUTS = DayClosing, DayClosed


class ClosingDays(Parking):
    """The part of the intake that closes days. See the module."""

    def close_days(self) -> None:
        """Close every day that is due, one by one; also takes up a close that a crash interrupted.

        A customer of whom it fails is parked first on the next attempt, and left as it is. Raises OurFault, CannotPark.
        """
        try:
            self._close_days()
        except (OurFault, CannotPark):
            raise
        except Exception as error:
            if is_of_machine(error):
                raise
            fault, customer_id = fault_of(error), self.shard.in_hand
            if not customer_id or customer_id in self.shard.parked:
                raise self._cannot_park(f"closing {iso(self.shard.closing)}", fault) from error
            self.faults.at_close[customer_id] = self.shard.closing, fault
            raise OurFault(fault, found=True) from error

    def _close_days(self) -> None:
        while self.shard.closing:
            for customer_id, (day, fault) in self.faults.at_close.items():
                if day == self.shard.closing and customer_id not in self.shard.parked:
                    alert = IntegrityAlerted(
                        kind="parked_at_close",
                        customer_id=customer_id,
                        date=iso(self.shard.closing),
                        actual=f"{fault.error} in {fault.place}",
                    )
                    self.shard.evolve(alert)
                    self.decide(alert, customer_id)
                    self.touched.add(customer_id)
            for decision in closing.steps(self.shard):
                customer_id = getattr(decision, "customer_id", None) or ""
                self.decide(decision, customer_id)
                if customer_id:
                    self.touched.add(customer_id)
                if isinstance(decision, _CUTS) and len(self._lines) >= CUT_AFTER_LINES:
                    self.commit()
