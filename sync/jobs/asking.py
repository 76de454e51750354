"""Asks what customers hold whom no look at a code covers: a call each, as many as a person allows.

Source: Voucherify documentation, "List Customer's Redeemables".
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sync.errors import HoldersyncError, LeaveError
from sync.jobs.enough import NO_STREAK, SAME_IN_A_ROW, too_many_alike
from sync.jobs.ports import HoldingPages
from sync.ledger.holdings import ToAsk, store_held, to_ask
from sync.ledger.ledger import Ledger
from sync.model.believed import BelievedHolder


class Asking:
    """What one `reconcile` asks Voucherify.

    Args:
        ledger: where it is stored who was there and who was missing.
        reader: fetches what a customer holds.
        at_most: customers; one takes a call for each hundred vouchers that they hold.
        longest: what was told so long ago is asked for again.
        lookback: who was missing is asked for again after that, since it takes two looks.
        now: the local time, UTC.
        go_on: raises to end the asking.

    Attributes:
        began: when this began.
        asked: customers whose list was read to its end.
        failed: customers whose list could not be read.
        left: customers who are covered by no look and were not asked for.
        stopped_by: what ended the asking.
    """

    def __init__(
        self,
        ledger: Ledger,
        reader: HoldingPages,
        *,
        at_most: int,
        longest: timedelta,
        lookback: timedelta,
        now: Callable[[], datetime],
        go_on: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._at_most = at_most
        self._longest = longest
        self._lookback = lookback
        self._now = now
        self._go_on = go_on
        self._streak = NO_STREAK
        self.began = now()
        self.asked = 0
        self.failed = 0
        self.left = 0
        self.stopped_by: HoldersyncError | None = None

    def ask(self, page: Sequence[BelievedHolder]) -> None:
        """Ask for those of a page whose turn it is; what ends that is kept, and nothing raised."""
        worth_a_call = to_ask(
            self._ledger,
            page,
            asked_since=self.began - self._longest,
            missed_until=self.began - self._lookback,
        )
        for each in worth_a_call:
            if self.stopped_by is not None or self.asked + self.failed >= self._at_most:
                self.left += 1
                continue
            try:
                self._ask(each)
            except LeaveError as error:
                self._fail(error)
            except HoldersyncError as error:
                self.left += 1
                self.stopped_by = error

    def _ask(self, each: ToAsk) -> None:
        self._go_on()
        began = self._now()
        held = [one for page in self._reader.pages(each.customer_id) for one in page]
        store_held(self._ledger, each, held, began)
        self._streak = NO_STREAK
        self.asked += 1

    def _fail(self, error: LeaveError) -> None:
        """Take in that one could not be read: that stops no other, so many in a row do."""
        self.failed += 1
        self._streak = self._streak.after(error)
        if self._streak.length >= SAME_IN_A_ROW:
            self.stopped_by = too_many_alike(error)
