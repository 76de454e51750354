"""Once faults stop and a person is at hand, everything comes right, and then stays as it is."""

from tests.simulation.invariants import State
from tests.simulation.promises import require
from tests.simulation.world import Kind


def unfinished(universe):
    """Say what is not yet as it should be; None if all is."""
    state = State(universe)
    for check in (_unread, _undelivered, _open_letter, _not_gone):
        if (what := check(state)) is not None:
            return f"{check.__name__.strip('_')}: {what}"
    return None


def require_converged(why):
    require(why is None, "everything converges once faults stop", why)


def _unread(state):
    world = state.universe.world
    for event in world.events.values():
        if event.kind is Kind.MISFILED:
            is_due = event.owner.is_listed(state.now) and event.at >= state.horizon
            is_due &= event.assignment.customer.left_at is None
        else:
            is_due = state.is_ours(event) and event.owner.is_listed(state.now)
        about = event.assignment.customer if event.assignment else event.owner
        is_due &= not {about.id, event.owner.id} & state.universe.promises.forgotten
        if is_due and event.seen_from <= state.now and not state.has(event):
            return event
    return None


def _undelivered(state):
    for destination in state.destinations:
        for holder_id in state.to_hear(destination):
            delivery = state.deliveries.get((destination, holder_id))
            if delivery is None or delivery.status != "delivered":
                return f"{destination} {holder_id}: {delivery}"
    return None


def _open_letter(state):
    for letter in state.letters:
        if letter.status == "open" and letter.kind == "delivery":
            return letter
    return None


def _not_gone(state):
    """Somebody's deletion was not noticed, or what it means was not told."""
    letters = {each.customer_id for each in state.letters if each.kind == "customer"}
    elsewhere = _told_elsewhere(state)
    for customer_id, known in state.customers.items():
        customer = state.universe.world.customers.get(customer_id)
        if customer is None or customer.left_at is None or known.listed_at is None:
            continue
        if known.gone_at is None:
            return customer
        held = {h for h, who in state.assignments.items() if who == customer_id} - elsewhere
        if held - set(state.found) and customer_id not in letters:
            return f"{customer} left with {held} and nobody was told"
    return None


def _told_elsewhere(state):
    """Give assignments that somebody else's list tells of, perhaps after their holder was gone."""
    events = state.universe.world.events.values()
    return {e.assignment.holder_id for e in events if e.kind is Kind.MISFILED_ASSIGNED}
