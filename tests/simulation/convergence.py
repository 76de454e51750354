"""Once faults stop and a person is at hand, everything comes right, and then stays as it is."""

from tests.simulation.invariants import State
from tests.simulation.promises import require
from tests.simulation.records import Kind


def unfinished(universe):
    """Say what is not yet as it should be; None if all is."""
    state = State(universe)
    for check in (_unread, _undelivered, _open_letter, _not_gone, _untold, _not_looked_for):
        if (what := check(state)) is not None:
            return f"{check.__name__.strip('_')}: {what}"
    return None


def require_converged(why):
    require(why is None, "everything converges once faults stop", why)


def _unread(state):
    world = state.universe.world
    for event in world.events.values():
        if event.kind is Kind.MISFILED:
            is_due = _is_asked(state, event.owner) and event.at >= state.horizon
            is_due &= event.assignment.customer.left_at is None
        else:
            is_due = _is_asked(state, event.owner) or _is_known(state, event)
            is_due &= state.is_ours(event) and event.owner.left_at is None
        about = event.assignment.customer if event.assignment else event.owner
        is_due &= not {about.id, event.owner.id} & state.universe.promises.forgotten
        if is_due and event.seen_from <= state.now and not state.has(event):
            return event
    return None


def _is_asked(state, customer):
    """Whether somebody is asked in any case, by their place in the list."""
    return state.universe.source.lists and customer.is_listed(state.now)


def _is_known(state, event):
    """Whether the ledger saw the assignment whose end an event tells, and told nobody of it."""
    if event.kind is not Kind.UNASSIGNED:
        return False
    holder_id = event.assignment.holder_id
    is_open = holder_id in state.assignments and holder_id not in state.found
    return is_open and not _is_told(state, holder_id)


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
        if customer is None or customer.left_at is None:
            continue
        held = {h for h, who in state.assignments.items() if who == customer_id} - elsewhere
        held = {each for each in held - set(state.found) if not _is_told(state, each)}
        if known.gone_at is None and (held or (known.listed_at and state.universe.source.lists)):
            return customer
        if held and customer_id not in letters:
            return f"{customer} left with {held} and nobody was told"
    return None


def _told_elsewhere(state):
    """Give assignments that somebody else's list tells of, perhaps after their holder was gone."""
    events = state.universe.world.events.values()
    return {e.assignment.holder_id for e in events if e.kind is Kind.MISFILED_ASSIGNED}


def _untold(state):
    """An assignment that a look saw ended silently, and nobody was told."""
    if not state.universe.source.codes:
        return None
    for holder_id in state.assignments.keys() - state.found.keys():
        assignment = state.universe.world.assignments[holder_id]
        is_silent = not (assignment.stands or assignment.told_by)
        is_silent &= assignment.customer.left_at is None
        if is_silent and not _is_told(state, holder_id):
            return f"{holder_id} of {assignment.customer} and {assignment.voucher}"
    return None


def _is_told(state, holder_id):
    """Whether a letter tells of an end that no event tells."""
    voucher = state.universe.world.assignments[holder_id].voucher
    return bool({f"holder:{holder_id}", f"code:{voucher.id}"} & state.letter_keys)


def _not_looked_for(state):
    """A code was deleted, or never was one, and that was not noticed."""
    if not state.universe.source.codes:
        return None
    vouchers = state.universe.world.vouchers
    for voucher_id, known in state.codes.items():
        voucher = vouchers.get(voucher_id)
        if (voucher is None or voucher.left_at is not None) and known.gone_at is None:
            return f"{voucher_id} {known}"
    return None
