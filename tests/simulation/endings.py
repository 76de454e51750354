"""What must hold of each command that ended, by what it said in the end."""

from dataclasses import dataclass

from sync.model.patience import Patience
from tests.simulation.invariants import State
from tests.simulation.promises import require

JITTER = 1.0
DONE = frozenset({0, 65})
DELIVERIES = 2
"""In one run: before and after the reading."""


@dataclass(frozen=True, slots=True)
class Before:
    """The ledger before commands began."""

    customers: dict
    bookmarked: set
    backfills: set
    letters: int
    forgotten: int
    contents: dict | None


def look_before(universe, commands):
    sight = universe.sight
    rehearsed = any(each.ended.kind == "rehearsal" for each in commands)
    contents = _everything(universe) if rehearsed else None
    return Before(
        sight.customers(),
        sight.bookmarked(),
        sight.begun_backfills(),
        sight.count_letters()[0],
        sight.count_forgotten(),
        contents,
    )


def _everything(universe):
    """What the tool may write: the ledger, and what is unassigned in the CRM."""
    ended = [row for row in universe.rows.all() if row[1] != "assigned"]
    return universe.sight.contents(), ended, universe.slots.cleared


def check_command(universe, ended, before, *, alone):
    """Hold an ended command to its word; of one that was killed nothing is expected.

    Raises:
        BrokenPromise: a rule does not hold.
    """
    longest = max(universe.settings.max_wait.total_seconds(), Patience().longest_delay)
    require(ended.longest_wait <= longest + JITTER, "it parks, and does not sleep", ended)
    if ended.kind == "forget" and universe.sight.count_forgotten() > before.forgotten:
        universe.promises.forgotten.add(ended.customer.id)
    if ended.kind == "rehearsal":
        require(_everything(universe) == before.contents, "a dry run leaves no trace", ended)
    if ended.killed or ended.kind not in {"run", "backfill"}:
        return
    if ended.report is None:
        told = universe.promises.told_by[ended.process]
        require(not ended.process.sent and not told, "who may not begin does nothing", ended)
        return
    at_most = ended.allow or universe.settings.max_unassignments
    told = universe.promises.told_by[ended.process]
    require(told <= DELIVERIES * at_most, "the brake holds", f"{ended} told {told}")
    _counts_are_right(universe, ended, before, alone=alone)
    if ended.code in DONE:
        state = State(universe)
        if ended.kind == "run":
            _has_read_everything(state, ended, before, alone=alone)
            _has_followed_webhooks(state, ended, before)
        else:
            _has_read_its_window(state, ended, before, alone=alone)


def _counts_are_right(universe, ended, before, *, alone):
    calls = ended.report.summary.calls
    require(calls.made == ended.process.sent, "a run tells how many calls it made", ended)
    refused = universe.promises.refused[ended.process]
    require(refused <= 1, "a void key costs one call that is answered", ended)
    if not alone:
        return
    new = universe.sight.count_letters()[0] - before.letters
    require(ended.report.new_letters >= new, "a run tells of its dead letters", ended)
    require(ended.code or not new, "new dead letters are in the exit code", ended)


def _has_read_everything(state, ended, before, *, alone):
    """A run that says that it is done has read whoever was due when it began."""
    lists = state.universe.source.lists
    for customer_id, known in state.customers.items():
        was_known = _is_candidate(before.customers.get(customer_id), lists=lists)
        is_known = _is_candidate(known, lists=lists) and known.gone_at is None
        if not (is_known and (was_known or (lists and alone))):
            continue
        if customer_id not in before.bookmarked and _was_due(before.customers, customer_id, ended):
            _has_read(state, ended, customer_id, state.horizon, None)


def _is_candidate(known, *, lists):
    return known is not None and bool(known.seen or (lists and known.listed_at))


def _was_due(customers, customer_id, ended):
    known = customers.get(customer_id)
    if known is None or (known.hinted_at is not None and not known.failures):
        return True
    return _is_due(known, ended)


def _is_due(known, ended):
    # By the clock of the machine, which may be wrong: the plan was made by it, too.
    return known.due_at <= ended.report.summary.started_at.timestamp()


def _has_followed_webhooks(state, ended, before):
    """Whomever a webhook named before a run began was read, if their event was listed by then."""
    forgotten = state.universe.promises.forgotten
    for hook, at in state.universe.acknowledged:
        event = hook.event
        if event is None or at > ended.began_at or event.seen_from > at or event.at < state.horizon:
            continue
        if event.owner.left_at is not None or event.owner.id in forgotten:
            continue
        known = before.customers.get(event.owner.id)
        is_later = known is not None and bool(known.failures) and not _is_due(known, ended)
        # Who was cut off before is read on from there, and from the hint by the next run.
        is_later |= event.owner.id in before.bookmarked
        require(
            is_later or state.has(event),
            "a hint is never lost",
            lambda e=event: f"{ended} without {e}",
        )


def _has_read_its_window(state, ended, before, *, alone):
    """The same of a backfill that began now; one that goes on has read some people before."""
    if (ended.window.start, ended.window.end) in before.backfills:
        return
    for customer_id, known in state.customers.items():
        is_fresh = alone and customer_id not in before.bookmarked
        if is_fresh and known.listed_at and known.gone_at is None:
            _has_read(state, ended, customer_id, ended.window.start, ended.window.end)


def _has_read(state, ended, customer_id, since, until):
    customer = state.universe.world.customers[customer_id]
    if customer.left_at is not None:
        return
    for event in customer.events:
        is_there = event.seen_from <= ended.began_at and event.at >= since
        if is_there and (until is None or event.at < until) and _is_ours(event):
            require(
                state.has(event),
                "a run that says it is done has read everybody who was due",
                lambda e=event: f"{ended} without {e}",
            )


def _is_ours(event):
    return event.kind.name in {"UNASSIGNED", "NONSENSE"}
