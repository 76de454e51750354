"""Daily life in the shop: customers come and go, get vouchers and lose them, as dice decide."""

from collections import Counter
from datetime import timedelta

from tests.simulation import payloads
from tests.simulation.records import Kind
from tests.simulation.world import AT_ONCE

LEAST_CODES = 2


class Life:
    """Lets the world go on, and tells the CRM what the shop's own integration would.

    Args:
        world: Voucherify's truth.
        rows, slots: the two CRMs.
        dice: decide.
        lookback: no event appears later than this after its time.
        most: customers, at most; so many codes there are, too.
    """

    def __init__(self, world, rows, slots, dice, *, lookback, most):
        self._world = world
        self._rows = rows
        self._slots = slots
        self._dice = dice
        self._lookback = lookback
        self._most = most
        self._steps = {
            self.somebody_joins: 3,
            self.somebody_leaves: 1,
            self.somebody_gets_a_voucher: 10,
            self.somebody_loses_one: 10,
            self.somebody_gets_it_again: 4,
            self.an_end_is_told_twice: 1,
            self.somebody_chats: 3,
            self.nonsense_is_said: 1,
            self.the_crm_changes: 2,
            self.somebody_holds_it_for_a_moment: 2,
            self.somebody_is_dropped: 1,
            self.a_code_joins: 2,
            self.a_code_is_deleted: 0.7,
            self.a_campaign_is_deleted: 0.3,
        }

    def begins(self, customers):
        for _ in range(4):
            self._world.issues()
        for _ in range(customers):
            self.somebody_joins()

    def goes_on(self):
        """Let one thing happen; no two happen in one millisecond."""
        self._world.clock.passes(0.002)
        step = self._dice.choices(list(self._steps), list(self._steps.values()))[0]
        step()

    def somebody_joins(self):
        if len(self._world.here()) >= self._most:
            return
        after = self._dice.choice([AT_ONCE] * 6 + [timedelta(hours=30), timedelta(days=5), None])
        customer = self._world.joins(listed_after=after)
        if self._dice.random() < 0.85:
            self._slots.creates(customer.id)

    def somebody_leaves(self):
        here = self._world.here()
        if len(here) > 2:
            self._world.leaves(self._dice.choice(here))

    def somebody_gets_a_voucher(self):
        customer = self._dice.choice(self._world.here())
        held = {each.voucher for each in self._world.held_by(customer)}
        free = [each for each in self._world.issued() if each not in held]
        if free:
            self._gets(customer, self._dice.choice(free))

    def somebody_loses_one(self):
        if standing := self._world.standing():
            self._loses(self._dice.choice(standing))

    def somebody_gets_it_again(self):
        if standing := self._world.standing():
            assignment = self._dice.choice(standing)
            self._loses(assignment)
            self._gets(assignment.customer, assignment.voucher)

    def somebody_holds_it_for_a_moment(self):
        """An assignment that no look sees: it ends between two of them."""
        before = set(self._world.assignments)
        self.somebody_gets_a_voucher()
        for holder_id in self._world.assignments.keys() - before:
            self._world.clock.passes(0.002)
            self._loses(self._world.assignments[holder_id])

    def somebody_is_dropped(self):
        """An assignment ends, and no event tells of it."""
        if standing := self._world.standing():
            self._world.ends_silently(self._dice.choice(standing))

    def a_code_joins(self):
        if len(self._world.issued()) < self._most:
            self._world.issues()

    def a_code_is_deleted(self):
        issued = self._world.issued()
        if len(issued) > LEAST_CODES:
            self._world.deletes(self._dice.choice(issued))

    def a_campaign_is_deleted(self):
        campaigns = Counter(each.campaign_id for each in self._world.issued())
        campaign_id = self._dice.choice(sorted(campaigns))
        if campaigns.total() - campaigns[campaign_id] >= LEAST_CODES:
            self._world.deletes_campaign(campaign_id)

    def an_end_is_told_twice(self):
        if told := self._told():
            self._world.tells_again(self._dice.choice(told).assignment, self._shape())

    def somebody_chats(self):
        self._world.chats(self._dice.choice(self._world.here()))

    def nonsense_is_said(self):
        how = self._dice.choice(list(payloads.NONSENSE))
        self._world.says_nonsense(self._dice.choice(self._world.here()), how)

    def the_crm_changes(self):
        """A row is frozen, a contact doubled, or a missing one created."""
        customer = self._dice.choice(self._world.here())
        match self._dice.choice(["freeze", "double", "create"]):
            case "freeze":
                for each in self._world.held_by(customer)[:1]:
                    self._rows.freezes(each)
            case "double" if customer.id in self._slots.contacts:
                self._slots.contacts[customer.id].doubles = 1
            case "create" if customer.id not in self._slots.contacts:
                self._slots.creates(customer.id)
                for each in self._world.held_by(customer):
                    self._slots.believes(each)

    def is_put_right(self):
        """A person puts the CRM in order."""
        self._rows.thaws()
        for contact in self._slots.contacts.values():
            contact.doubles = 0

    def _gets(self, customer, voucher):
        assignment = self._world.assigns(customer, voucher, late=self._late())
        if self._dice.random() < 0.85:
            self._rows.believes(assignment)
        self._slots.believes(assignment)
        self._may_be_misfiled(assignment.began, 0.05)

    def _loses(self, assignment):
        ahead = self._dice.choice([AT_ONCE] * 12 + [timedelta(minutes=3), timedelta(days=2)])
        event = self._world.unassigns(
            assignment,
            late=AT_ONCE if ahead else self._late(),
            ahead=ahead,
            shape=self._shape(),
            repeated=self._dice.random() < 0.1,
        )
        # Who is not listed can be found by nothing else.
        self._may_be_misfiled(event, 0.05 if assignment.customer.listed_from else 0.8)

    def _may_be_misfiled(self, event, chance):
        others = [each for each in self._world.here() if each is not event.owner]
        if others and self._dice.random() < chance:
            self._world.misfiles(event, self._dice.choice(others))

    def _late(self):
        share = self._dice.choice([0.0, 0.0, 0.0, 0.1, 0.5, 0.95])
        return share * self._lookback

    def _shape(self):
        return self._dice.choice(payloads.SHAPES)

    def _told(self):
        return [
            each
            for each in self._world.events.values()
            if each.kind is Kind.UNASSIGNED and each.owner.left_at is None
        ]
