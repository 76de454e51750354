"""What happens in a shop between two commands, and what it means for the truth.

Everything happens a few seconds ago, one thing after the other: a cursor never goes past the
second that the server shows, so news of this very second could not tell one that went too far.
"""

from datetime import UTC, datetime, timedelta
from random import Random

from sync.cli.demo import believed
from sync.playground.assignments import as_believed
from sync.playground.dice import Dice, stamp, to_milliseconds
from sync.playground.events import plain_event
from tests.crashes.merchant import Broken
from tests.crashes.seen import put_in

AGO = timedelta(seconds=3)
STEP = timedelta(milliseconds=1)
EVENTS_OF_A_CROWD = 130


class News:
    """The life of one shop.

    Attributes:
        stranger: the customer whose list holds the newest event about somebody else.
    """

    def __init__(self, merchant, seed):
        self.stranger = None
        self._merchant = merchant
        self._playground = merchant.playground
        self._random = Random(f"news {seed}")
        self._dice = Dice(f"news {seed}")
        self._last = to_milliseconds(datetime.now(UTC)) - AGO

    def of_every_kind(self):
        """Everybody loses something, and more; give the holder id of one that the CRM believed."""
        (newcomer,) = self._playground.add_customers_at(self._now(), 1)
        held = self._assign(newcomer.customer_id, is_believed=True)
        ended = [self._of_somebody(but=held)]
        ended += [self._assign(one.customer_id).holder_id for one in self._merchant.world.customers]
        for holder_id in ended:
            self._playground.unassign(holder_id, self._now())
        first = self._merchant.world.truth[ended[0]]
        # Held again by the same person, under a new id: the late news must not touch it.
        self._assign(first.customer_id, is_believed=True, voucher_id=first.voucher_id)
        self._on_a_strangers_list(first)
        self._break(self._merchant.world.truth[ended[-1]])
        self._tell(f"news: {len(ended)} unassigned, {ended[0]} among them")
        return ended[0]

    def crowd(self):
        """More events for one customer than a page holds, an unassignment in their middle."""
        customer_id = self._random.choice(self._merchant.world.customers).customer_id
        held = self._assign(customer_id, is_believed=True)
        for number in range(EVENTS_OF_A_CROWD):
            if number == EVENTS_OF_A_CROWD // 2:
                self._playground.unassign(held.holder_id, self._now())
            event = plain_event(self._dice, "customer.updated", {}, self._now())
            self._playground.add_event(customer_id, event.item)
        self._tell(f"{EVENTS_OF_A_CROWD} events for {customer_id}, and {held.holder_id} unassigned")

    def delete(self, customer_id):
        """Delete a customer; who was known to hold something becomes a dead letter."""
        if any(row.customer_id == customer_id for row in self._merchant.look().held.values()):
            self._merchant.gone.add(customer_id)
        self._playground.delete_customer(customer_id)
        self._tell(f"{customer_id} is deleted")

    def delete_a_holder(self):
        """Delete a customer of whom the ledger knows an assignment."""
        known = {row.customer_id for row in self._merchant.look().held.values()}
        self.delete(self._random.choice(sorted(known & self._here())))

    def _tell(self, line):
        self._merchant.story.append(line)

    def _now(self):
        self._last = max(self._last + STEP, to_milliseconds(datetime.now(UTC)) - AGO)
        return self._last

    def _here(self):
        return {customer.customer_id for customer in self._merchant.world.customers}

    def _assign(self, customer_id, *, is_believed=False, voucher_id=None):
        voucher_id = voucher_id or self._free(customer_id)
        holder = self._playground.assign(customer_id, voucher_id, self._now())
        if is_believed:
            row = believed(as_believed(holder))
            self._merchant.believed[holder.holder_id] = row
            put_in(self._merchant.crm, [row])
        return holder

    def _free(self, customer_id):
        """A code that this customer doesn't hold, or any if there is none."""
        held = {
            row.voucher_id
            for row in self._merchant.world.truth.values()
            if row.customer_id == customer_id and row.status == "assigned"
        }
        codes = [
            one.voucher_id for one in self._merchant.world.vouchers if one.campaign.is_referral
        ]
        return self._random.choice([each for each in codes if each not in held] or codes)

    def _of_somebody(self, but):
        here = self._here()
        held = [
            row.holder_id
            for row in self._merchant.world.truth.values()
            if row.status == "assigned" and row.customer_id in here
            if row.holder_id in self._merchant.believed and row.holder_id != but.holder_id
        ]
        return self._random.choice(held or [but.holder_id])

    def _on_a_strangers_list(self, ended):
        self.stranger = self._random.choice(sorted(self._here() - {ended.customer_id}))
        self._playground.add_event(self.stranger, self._item(ended))

    def _break(self, ended):
        at = self._now()
        item = dict(self._item(ended))
        item |= {"id": self._dice.timed_id("evcus", at), "created_at": stamp(at), "data": None}
        self._playground.add_event(ended.customer_id, item)
        self._merchant.broken[item["id"]] = Broken(ended.customer_id, at)

    def _item(self, ended):
        events = self._merchant.world.events[ended.customer_id]
        return next(event.item for event in events if event.event_id == ended.event_id)
