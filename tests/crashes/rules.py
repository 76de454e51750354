"""What holds after every kill, and what holds once a command came to its end.

Each rule gives texts: what is wrong, with the ids. None means that it holds.
"""

from collections import Counter

from sync.ledger.budget import LARGEST_BLOCK

READER_OF_RUNS = "run"


def after_a_kill(merchant, seen):
    """Whatever was killed, and wherever."""
    yield from (f"corrupt: {each}" for each in seen.corrupt)
    yield from _wrongly_cleared(merchant, seen)
    yield from _effects(merchant, seen)
    yield from _marked_without_effect(merchant, seen)
    yield from _changes(merchant, seen)
    yield from _past_unread_time(merchant, seen)
    yield from _bookmarks_past_unread_pages(merchant, seen)
    yield from _spent(merchant, seen)
    yield from _told_again(merchant)
    yield from _letters(merchant, seen)


def after_the_end(merchant, seen):
    """After a whole run behind the kills: nothing is missing either."""
    yield from after_a_kill(merchant, seen)
    yield from _crm_is_the_truth(merchant, seen)
    yield from _all_is_delivered(merchant, seen)
    yield from _all_is_undone(merchant, seen)
    yield from _all_letters_are_there(merchant, seen)
    yield from _everybody_was_asked(merchant, seen)


def _crm_is_the_truth(merchant, seen):
    for holder_id in {*merchant.world.truth, *seen.rows}:
        expected, row = merchant.expected(holder_id), seen.rows.get(holder_id)
        if row != expected:
            yield f"the CRM shows {row} instead of {expected}"


def _all_is_delivered(merchant, seen):
    for holder_id, status in seen.deliveries.items():
        if status != ("dead" if holder_id in merchant.refused else "delivered"):
            yield f"the delivery of {holder_id} is {status}"
    if set(seen.deliveries) != set(seen.facts):
        yield f"no delivery of {set(seen.facts) ^ set(seen.deliveries)}"


def _all_letters_are_there(merchant, seen):
    events = {row.event_id for row in seen.letters if row.kind == "event"}
    if events != set(merchant.broken):
        yield f"dead letters of events: {events ^ set(merchant.broken)} missing or too many"
    gone = {row.customer_id for row in seen.letters if row.kind == "customer"}
    if gone != merchant.gone:
        yield f"dead letters of customers: {gone ^ merchant.gone} missing or too many"


def _everybody_was_asked(merchant, seen):
    waiting = [row.customer_id for row in seen.bookmarks if row.reader == READER_OF_RUNS]
    if waiting:
        yield f"bookmarks of {waiting} are left"
    for customer in merchant.world.customers:
        row = seen.customers.get(customer.customer_id)
        if row is None or row.asked_at is None:
            yield f"{customer.customer_id} was not asked: {row}"
        elif row.hinted_at is not None:
            went_on_from = merchant.half_read.get(customer.customer_id)
            if went_on_from is None or row.hinted_at >= went_on_from:
                yield f"the hint at {customer.customer_id} was not followed: {row}"


def _wrongly_cleared(merchant, seen):
    for holder_id, row in seen.rows.items():
        if row.status == "assigned":
            continue
        truth = merchant.world.truth.get(holder_id)
        if truth is None or truth.status != "unassigned":
            yield f"wrongly cleared: {holder_id}"
        elif (row.unassigned_at, row.unassigned_event_id) != (truth.unassigned_at, truth.event_id):
            yield f"cleared by another event: {row}, in truth {truth}"


def _effects(merchant, seen):
    for holder_id, times in seen.effects.items():
        if times > (2 if holder_id in merchant.undoing else 1):
            yield f"{holder_id} was changed {times} times"
        if holder_id not in seen.facts:
            yield f"{holder_id} was changed in the CRM before the ledger held it"


def _marked_without_effect(merchant, seen):
    for holder_id, status in seen.deliveries.items():
        if status == "delivered" and not seen.effects[holder_id]:
            yield f"{holder_id} is marked as delivered, but the CRM was not changed"
        if status == "dead" and holder_id not in merchant.refused | merchant.retried:
            yield f"the delivery of {holder_id} is dead, though nobody refused it"


def _changes(merchant, seen):
    kept = Counter((row.holder_id, row.run_id) for row in seen.changes)
    if kept != Counter(seen.removed.items()):
        yield f"what was removed, {seen.removed}, is not what is kept for an undo: {kept}"
    for row in seen.changes:
        if row.undone_at is not None:
            if row.holder_id not in merchant.undoing:
                yield f"{row.holder_id} is marked as undone, and nobody asked for that"
            elif seen.rows[row.holder_id] != merchant.believed[row.holder_id]:
                yield f"{row.holder_id} is marked as undone, but is not as it was before"


def _all_is_undone(merchant, seen):
    undone = {row.holder_id for row in seen.changes if row.undone_at is not None}
    if undone != merchant.undone:
        yield f"undone: {undone ^ merchant.undone} missing or too many"


def _must_hold(merchant, seen, customer_id, is_read):
    """What a ledger lacks that has read, of this customer, whatever `is_read` tells of."""
    for truth in merchant.world.truth.values():
        if truth.customer_id == customer_id and truth.status == "unassigned":
            event = (truth.unassigned_at, truth.event_id)
            if is_read(*event) and truth.holder_id not in seen.facts:
                yield f"{truth.holder_id}, unassigned at {truth.unassigned_at}"
    letters = {row.event_id for row in seen.letters}
    for event_id, broken in merchant.broken.items():
        is_here = broken.customer_id == customer_id
        if is_here and is_read(broken.at, event_id) and event_id not in letters:
            yield f"{event_id}, broken, at {broken.at}"


def _past_unread_time(merchant, seen):
    for customer_id, row in seen.customers.items():
        if row.cursor is None:
            continue

        def is_read(at, _, cursor=row.cursor):
            return seen.horizon <= at < cursor

        for missing in _must_hold(merchant, seen, customer_id, is_read):
            yield f"the cursor of {customer_id}, {row.cursor}, is past what is not held: {missing}"


def _bookmarks_past_unread_pages(merchant, seen):
    for row in seen.bookmarks:
        events = merchant.world.events.get(row.customer_id, ())
        places = {event.event_id: place for place, event in enumerate(events)}

        def is_read(at, event_id, row=row, places=places):
            is_before = places.get(event_id, len(places)) <= places.get(row.after, -1)
            is_within = row.window_end is None or at < row.window_end
            return is_before and is_within and row.window_start <= at

        for missing in _must_hold(merchant, seen, row.customer_id, is_read):
            yield f"the bookmark of {row.customer_id} is past what is not held: {missing}"


def _spent(merchant, seen):
    calls = merchant.calls()
    if seen.used < calls:
        yield f"{calls} calls were made, and only {seen.used} counted"
    if seen.used > calls + merchant.kills * LARGEST_BLOCK:
        yield f"{seen.used} calls counted, {calls} made: more lost than {merchant.kills} kills do"
    if seen.used > int(merchant.env["VOUCHERIFY_CALLS_PER_CYCLE"]):
        yield f"{seen.used} calls counted: more than our share"
    if seen.unfinished > merchant.kills:
        yield f"{seen.unfinished} runs have no end, after {merchant.kills} kills"


def _told_again(merchant):
    for holder_id, pids in merchant.told().items():
        again = Counter(pid for pid in pids[:-1] if pid not in merchant.killed)
        if again and holder_id not in merchant.retried:
            yield f"{holder_id} was told again, though no kill came between: {pids}"
        if max(Counter(pids).values()) > 1:
            yield f"{holder_id} was told twice by one process: {pids}"


def _letters(merchant, seen):
    keys = Counter(row.key for row in seen.letters)
    yield from (f"{times} dead letters {key}" for key, times in keys.items() if times > 1)
    for row in seen.letters:
        is_known = {
            "event": row.event_id in merchant.broken,
            "customer": row.customer_id in merchant.gone,
            "delivery": row.holder_id in merchant.refused | merchant.retried,
        }[row.kind]
        if not is_known:
            yield f"a dead letter that nothing accounts for: {row.key}, {row.reason}"
