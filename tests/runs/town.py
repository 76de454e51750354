"""A town of people who lost codes, and what a CRM believes of them: for whole runs to any CRM."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import cycle

from sync.playground.values import Customer, HolderTruth

ASSIGNED = timedelta(days=20)
ENDED = timedelta(days=2)


class Fate(StrEnum):
    """What became of one person's code."""

    LOST = "lost"
    """Unassigned, and the CRM still shows it."""
    CLEARED = "cleared"
    """Unassigned, and somebody took it off in the CRM already."""
    REGAINED = "regained"
    """Unassigned and assigned anew: the CRM shows the newer one."""
    UNKNOWN = "unknown"
    """Unassigned, and the CRM knows neither person nor code."""
    KEPT = "kept"
    """Still assigned."""


OF_TEN = (*[Fate.LOST] * 7, Fate.CLEARED, Fate.REGAINED, Fate.UNKNOWN)


@dataclass(frozen=True)
class Person:
    """One customer; `holder` is the assignment that ended, or is kept; `newer` came after it."""

    customer: Customer
    holder: HolderTruth
    fate: Fate
    newer: HolderTruth | None = None

    @property
    def shown_before(self):
        """Give the assignment that the CRM shows before any run."""
        by_fate = {Fate.REGAINED: self.newer, Fate.LOST: self.holder, Fate.KEPT: self.holder}
        return by_fate.get(self.fate)

    @property
    def shown_after(self):
        """Give the assignment that the CRM has to show in the end."""
        return None if self.fate is Fate.LOST else self.shown_before

    @property
    def is_known(self):
        return self.fate is not Fate.UNKNOWN


def settle(playground, *, ended, kept):
    """Let so many people lose a code, and others keep theirs; give all of them."""
    now = playground.world.now
    newcomers = playground.add_customers_at(now - ASSIGNED - timedelta(days=9), ended + kept)
    codes = cycle(each for each in playground.world.vouchers if each.campaign.is_referral)
    fates = [*(OF_TEN[number % 10] for number in range(ended)), *[Fate.KEPT] * kept]
    people = []
    for customer, voucher, fate in zip(newcomers, codes, fates, strict=False):
        holder = playground.assign(customer.customer_id, voucher.voucher_id, now - ASSIGNED)
        person = Person(customer, holder, fate)
        if fate is not Fate.KEPT:
            ended_holder = playground.unassign(holder.holder_id, now - ENDED)
            person = replace(person, holder=ended_holder)
        if fate is Fate.REGAINED:
            newer = playground.assign(customer.customer_id, voucher.voucher_id, now - ENDED / 2)
            person = replace(person, newer=newer)
        people.append(person)
    return people


def counted(people):
    """Count people by fate."""
    return {fate: sum(each.fate is fate for each in people) for fate in Fate}
