"""What must hold of ledger and CRM after every night, however bad it was."""

from datetime import timedelta

from sync.model.outcome import FINAL, Result
from tests.simulation.promises import require
from tests.simulation.records import Kind

DERIVED = "derived:"
TRIES = 10
"""A delivery that failed so often needs a person."""


class State:
    """Ledger and CRM as they are now, and what of the truth is in them."""

    def __init__(self, universe):
        sight = universe.sight
        self.universe = universe
        self.now = universe.clock.true
        self.horizon = sight.horizon()
        self.customers = sight.customers()
        self.found = sight.found()
        self.assignments = sight.assignments()
        self.deliveries = sight.deliveries()
        self.destinations = sight.destinations()
        self.codes = sight.codes()
        self.letters = sight.letters()
        self.letter_keys = {each.key for each in self.letters}

    def has(self, event):
        """Whether the ledger holds what an event tells, or a dead letter about it."""
        if f"event:{event.id}" in self.letter_keys:
            return True
        if event.kind is Kind.NONSENSE:
            return f"rh_of_{event.id}" in self.found
        found = self.found.get(event.assignment.holder_id)
        return found is not None and found.at >= event.at

    def is_ours(self, event):
        return event.kind in {Kind.UNASSIGNED, Kind.NONSENSE} and event.at >= self.horizon

    def to_hear(self, destination):
        """Give the holder ids that a destination is to hear of."""
        after, since = self.destinations[destination]
        return [
            holder_id
            for holder_id, found in self.found.items()
            if found.number > after or (since is not None and found.at >= since)
        ]


def check_night(universe):
    """Hold a night's end to every rule.

    Raises:
        BrokenPromise: one does not hold.
    """
    state = State(universe)
    if state.horizon is None:
        return
    for rule in RULES:
        rule(state)
    universe.counts["nights"] += 1


def nothing_is_forgotten(state):
    """No cursor is beyond an event that the ledger does not hold."""
    lookback = state.universe.settings.lookback
    for customer_id, known in state.customers.items():
        customer = state.universe.world.customers.get(customer_id)
        if known.cursor is None or customer is None or customer.left_at is not None:
            continue
        again_from = known.cursor - lookback
        for event in customer.events:
            if event.at < again_from and state.is_ours(event):
                require(
                    state.has(event),
                    "no cursor is past an event that is not in the ledger",
                    lambda e=event, c=known.cursor: f"{e}, cursor {c}",
                )


def hints_are_followed(state):
    """Whoever was hinted at is known, so that they are asked, unless that end is known already."""
    lookback = state.universe.settings.lookback
    for customer_id, known in state.customers.items():
        customer = state.universe.world.customers.get(customer_id)
        if known.cursor is None or customer is None or customer.left_at is not None:
            continue
        for event in customer.events:
            if event.kind is not Kind.MISFILED or event.at < state.horizon:
                continue
            about = event.assignment.customer
            found = state.found.get(event.assignment.holder_id)
            if found is not None and found.at >= event.at:
                continue
            require(
                event.at >= known.cursor - lookback
                or about.left_at is not None
                or about.id in state.customers
                or about.id in state.universe.promises.forgotten,
                "a hint is followed",
                event,
            )


def rows_are_right(state):
    """The table says "unassigned" only of what Voucherify said so."""
    world = state.universe.world
    for holder_id, status, event_id in state.universe.rows.all():
        if status == "assigned" or holder_id.startswith("rh_of_"):
            continue
        assignment = world.assignments.get(holder_id)
        require(assignment is not None, "no row is made up", holder_id)
        is_said = _is_said(state, assignment, event_id)
        require(is_said, "nothing is wrongly cleared", f"{holder_id} by {event_id}")
        require(not assignment.stands, "an assignment that stands is never ended", holder_id)


def nothing_is_invented(state):
    """What the ledger holds as unassigned has ended: an event says so, or a person wanted it."""
    for holder_id, found in state.found.items():
        if holder_id.startswith("rh_of_"):
            continue
        assignment = state.universe.world.assignments.get(holder_id)
        is_true = assignment is not None and not assignment.stands
        require(
            is_true and _is_said(state, assignment, found.event_id),
            "no unassignment is invented",
            f"{holder_id} by {found.event_id}",
        )


def _is_said(state, assignment, event_id):
    if event_id.startswith(DERIVED):
        return state.universe.settings.on_customer_gone == "unassign"
    return event_id in {each.id for each in assignment.told_by}


def what_is_delivered_was_told(state):
    """A delivery is marked only with what the CRM answered, and the CRM shows it."""
    rows = {holder_id: status for holder_id, status, _ in state.universe.rows.all()}
    for (destination, holder_id), delivery in state.deliveries.items():
        if delivery.status != "delivered":
            continue
        event_id = state.found[holder_id].event_id
        answers = state.universe.promises.answers[destination, holder_id, event_id]
        require(
            delivery.outcome in {result.value for _, result in answers},
            "what is marked as delivered was told",
            f"{destination} {holder_id} {event_id}: {delivery}",
        )
        require(
            Result(delivery.outcome) in FINAL | {Result.CONTACT_NOT_FOUND},
            "only what is final is delivered",
            delivery,
        )
        if destination.startswith("sql"):
            shows = rows.get(holder_id) == "assigned"
        else:
            contact = state.universe.slots.contacts.get(state.found[holder_id].customer_id)
            shows = contact and contact.shows and contact.shows.holder_id == holder_id
        require(not shows, "what was delivered took effect", f"{destination} {holder_id}")


def nobody_vanishes_who_holds(state):
    """A holder is missing only once they hold no more, however their list was read."""
    for holder_id, vanished_at in state.universe.sight.holders().items():
        assignment = state.universe.world.assignments[holder_id]
        require(
            vanished_at is None or not assignment.stands,
            "a half-read list makes nobody vanish",
            lambda a=assignment: f"{a} of {a.customer} and {a.voucher}",
        )


def letters_have_a_cause(state):
    """Dead letters only where something is broken."""
    world, promises = state.universe.world, state.universe.promises
    for letter in state.letters:
        match letter.kind:
            case "event":
                event = world.events[letter.key.removeprefix("event:")]
                is_broken = event.kind is Kind.NONSENSE or event.is_too_early
            case "customer":
                is_broken = world.customers[letter.customer_id].left_at is not None
            case "code":
                is_broken = world.vouchers[letter.key.removeprefix("code:")].left_at is not None
            case "holder":
                is_broken = _ended_untold(state, world.assignments[letter.holder_id])
            case _:
                results = [
                    result
                    for (destination, holder_id, _), answers in promises.answers.items()
                    for _, result in answers
                    if letter.key == f"delivery:{destination}:{holder_id}"
                ]
                is_broken = Result.REJECTED in results or results.count(Result.RETRY) >= TRIES
        require(is_broken, "a dead letter has a cause", letter)


def _ended_untold(state, assignment):
    """Whether no event told of an end that could be read in time.

    One that is listed late may be taken for none by a clock that jumped meanwhile.
    """
    if assignment.stands:
        return False
    first = next(iter(assignment.told_by), None)
    if first is None or first.at < state.horizon or first.is_too_early:
        return True
    is_late = first.seen_from > assignment.ended_at
    return is_late and state.universe.clock.steady_since >= assignment.ended_at


def personal_fields_go_with_the_delivery(state):
    """An e-mail address is there as long as a delivery needs it, and no longer."""
    open_letters = {each.holder_id for each in state.letters if each.status == "open"}
    may_stay, must_stay = set(open_letters), set()
    for destination, (after, _) in state.destinations.items():
        for holder_id in state.to_hear(destination):
            delivery = state.deliveries.get((destination, holder_id))
            is_dead = delivery is not None and delivery.status == "dead"
            if (
                delivery is None
                or delivery.status == "pending"
                or (is_dead and holder_id in open_letters)
            ):
                may_stay.add(holder_id)
                # Of what is older than a destination, they may have gone before it came.
                if state.found[holder_id].number > after:
                    must_stay.add(holder_id)
    for holder_id, found in state.found.items():
        assignment = state.universe.world.assignments.get(holder_id)
        if assignment is None or found.event_id.startswith(DERIVED):
            continue
        require(
            found.email is None or holder_id in may_stay,
            "personal fields go when nobody needs them",
            holder_id,
        )
        require(
            found.email is not None or holder_id not in must_stay,
            "personal fields stay while a delivery needs them",
            holder_id,
        )


def cursors_only_move_forward(state):
    """Cursors never go back, and never beyond the server's time."""
    before = state.universe.cursors
    for customer_id, known in state.customers.items():
        if known.cursor is None:
            continue
        require(
            known.cursor <= state.now + timedelta(seconds=1),
            "no cursor is beyond the server's time",
            f"{customer_id} at {known.cursor}",
        )
        require(
            customer_id not in before or before[customer_id] <= known.cursor,
            "cursors only move forward",
            f"{customer_id} from {before.get(customer_id)} to {known.cursor}",
        )
        before[customer_id] = known.cursor


def the_forgotten_stay_away(state):
    """Nothing in the ledger names a person who was to be forgotten."""
    forgotten = state.universe.promises.forgotten
    if not forgotten:
        return
    for table, rows in state.universe.sight.contents().items():
        texts = [str(row) for row in rows]
        for who in forgotten:
            named = [text for text in texts if who in text]
            require(
                not named, "no later read brings a forgotten person back", f"{table}: {named[:1]}"
            )


RULES = (
    nothing_is_forgotten,
    hints_are_followed,
    rows_are_right,
    nothing_is_invented,
    what_is_delivered_was_told,
    nobody_vanishes_who_holds,
    letters_have_a_cause,
    personal_fields_go_with_the_delivery,
    cursors_only_move_forward,
    the_forgotten_stay_away,
)
