"""Asks the live API what its documentation leaves open, and judges what was seen.

Harmless: it only reads, and takes at most `MOST_CALLS` calls, paced and counted like all others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sync.errors import LeaveError, PermissionRefusedError
from sync.ledger.ledger import Ledger
from sync.ledger.probes import IDS_RISE, Told, held_codes, newest_told, store_evidence
from sync.model.probe import Evidence, Verdict
from sync.voucherify.probing import HolderRow, HolderRows, Prober

PEOPLE = 4
CODES = 6
MOST_CALLS = PEOPLE * 5 + (CODES + PEOPLE) * 2
ENOUGH_ROWS = 20
"""Neighbours in lists of holders that prove an order; fewer may be in it by chance."""
ENOUGH_PEOPLE = 3
ENOUGH_CODES = 2
SAME_TIME = timedelta(seconds=1)
"""Ids and times may differ in order within this: they are made by different machines."""
MILLISECOND = timedelta(milliseconds=1)

Judged = tuple[Verdict, str]


def probe(ledger: Ledger, prober: Prober, now: Callable[[], datetime]) -> tuple[Evidence, ...]:
    """Ask, judge, and store what was seen, also if something ends it before all was asked.

    Raises:
        ParkError: a call may not be made now.
        CredentialsRefusedError: the key is refused.
    """
    seen: list[Evidence] = []
    try:
        _ask(ledger, prober, now, seen)
    finally:
        store_evidence(ledger, seen)
    return tuple(seen)


def _ask(ledger: Ledger, prober: Prober, now: Callable[[], datetime], seen: list[Evidence]) -> None:
    told = newest_told(ledger, PEOPLE)
    vouchers = list(
        dict.fromkeys([*(each.voucher_id for each in told), *held_codes(ledger, CODES)])
    )

    def add(subject: str, judge: Callable[[], Judged]) -> None:
        try:
            verdict, text = judge()
        except (LeaveError, PermissionRefusedError) as error:
            verdict, text = "open", f"could not be asked: {error}"
        seen.append(Evidence(subject, verdict, text, now()))

    add("type_filter", lambda: judge_type_filter(_filtered(prober, told)))
    for name, is_start in (("start_date_inclusive", True), ("end_date_inclusive", False)):
        add(name, lambda is_start=is_start: judge_inclusive(_bounded(prober, told, is_start)))  # type: ignore[misc]
    add("updated_at_moves", lambda: judge_updated(_updated(prober, told)))
    pages: list[tuple[HolderRows, HolderRows]] = []
    for voucher_id in vouchers[: CODES + PEOPLE]:
        try:
            both = (
                prober.holders(voucher_id, friends=False),
                prober.holders(voucher_id, friends=True),
            )
        except PermissionRefusedError as error:
            add(IDS_RISE, lambda error=error: ("open", f"could not be asked: {error}"))  # type: ignore[misc]
            break
        except LeaveError:
            continue
        pages.append(both)
    if pages:
        add(IDS_RISE, lambda: judge_order([whole.rows for whole, _ in pages]))
        add("holder_role_filter", lambda: judge_role_filter(pages))
        add("holders_total_exact", lambda: judge_total([whole for whole, _ in pages]))
        rows = [row for whole, _ in pages for row in whole.rows]
        add("holder_id_reused", lambda: judge_reused(told, rows))


def judge_type_filter(seen: Iterable[tuple[bool | None, bool]]) -> Judged:
    """Judge by, for each known event, whether the filter gave it (None: refused), and the list."""
    answers = [(filtered, there) for filtered, there in seen if there]
    if not answers:
        return "open", "no known event is listed any more"
    if any(filtered is None for filtered, _ in answers):
        return "disproven", "the filter is refused with 400"
    missing = sum(not filtered for filtered, _ in answers)
    if missing:
        return "disproven", f"{missing} of {len(answers)} known events did not come through it"
    return "proven", f"{len(answers)} known events came through it"


def judge_inclusive(seen: Sequence[tuple[bool, bool]]) -> Judged:
    """Judge by whether events came with their own time as a bound, and a millisecond beyond it."""
    answers = [at_bound for at_bound, beyond in seen if beyond]
    if not answers:
        return "open", "no known event is listed any more"
    if all(answers):
        return "proven", f"{len(answers)} events came with their own time as the bound"
    return "disproven", f"{answers.count(False)} of {len(answers)} events did not come"


def judge_updated(seen: Sequence[tuple[datetime | None, datetime]]) -> Judged:
    """Judge by when each customer was changed last, and when it was unassigned last."""
    answers = [(changed, ended) for changed, ended in seen if changed is not None]
    still = sum(changed < ended - SAME_TIME for changed, ended in answers)
    if still:
        return "disproven", f"{still} of {len(answers)} customers show an older time"
    if len(answers) < ENOUGH_PEOPLE:
        return "open", f"{len(answers)} customers are too few to tell"
    return "proven", f"{len(answers)} customers show that time or a later one"


def judge_order(lists: Sequence[Sequence[HolderRow]]) -> Judged:
    """Judge whether ids rise with time, by lists that are sorted by id, the highest first."""
    times = [[row.assigned_at for row in rows if row.assigned_at] for rows in lists]
    pairs = [pair for each in times for pair in pairwise(each)]
    odd = sum(later < earlier - SAME_TIME for later, earlier in pairs)
    if odd:
        return "disproven", f"{odd} of {len(pairs)} neighbours have the higher id and are older"
    if len(pairs) < ENOUGH_ROWS:
        return "open", f"{len(pairs)} neighbours in order are too few to tell"
    return "proven", f"{len(pairs)} neighbours, all in order"


def judge_role_filter(pages: Sequence[tuple[HolderRows, HolderRows]]) -> Judged:
    """Judge by whole lists, unfiltered and filtered, where not all rows are of one role."""
    mixed = [
        (whole, friends)
        for whole, friends in pages
        if whole.is_whole and len({row.is_friend for row in whole.rows}) > 1
    ]
    if not mixed:
        return "open", "no list has holders of several roles"
    wrong = sum(
        [row.holder_id for row in friends.rows]
        != [row.holder_id for row in whole.rows if row.is_friend]
        or friends.total != len(friends.rows)
        for whole, friends in mixed
    )
    if wrong:
        return "disproven", f"{wrong} of {len(mixed)} lists are not what the filter asks for"
    return "proven", f"{len(mixed)} lists held exactly the friends"


def judge_total(pages: Sequence[HolderRows]) -> Judged:
    """Judge by lists that were read to their end."""
    whole = [page for page in pages if page.is_whole]
    wrong = sum(page.total != len(page.rows) for page in whole)
    if wrong:
        return "disproven", f"{wrong} of {len(whole)} totals differ from the rows"
    if len(whole) < ENOUGH_CODES:
        return "open", f"{len(whole)} lists are too few to tell"
    return "proven", f"{len(whole)} totals are those of the rows"


def judge_reused(told: Sequence[Told], rows: Sequence[HolderRow]) -> Judged:
    """Judge by whether a holder who was unassigned is listed again, assigned later."""
    held = {row.holder_id: row.assigned_at for row in rows}
    again = [
        each
        for each in told
        if (at := held.get(each.holder_id)) is not None and at > each.unassigned_at
    ]
    if again:
        return "proven", f"{len(again)} holder ids were given a second time"
    if len(told) < ENOUGH_PEOPLE:
        return "open", f"{len(told)} unassignments are too few to tell"
    return "disproven", f"none of {len(told)} ended holder ids is held again"


def _filtered(prober: Prober, told: Sequence[Told]) -> Iterator[tuple[bool | None, bool]]:
    for each in told[:2]:
        since = each.unassigned_at - SAME_TIME
        filtered = prober.events(each.customer_id, since=since, of_type=True)
        there = prober.events(each.customer_id, since=since) or ()
        through = None if filtered is None else each.event_id in filtered
        yield through, each.event_id in there


def _bounded(prober: Prober, told: Sequence[Told], is_start: bool) -> list[tuple[bool, bool]]:
    seen = []
    for each in told[:2]:
        at, who = each.unassigned_at, each.customer_id
        if is_start:
            bound = prober.events(who, since=at) or ()
            beyond = prober.events(who, since=at - MILLISECOND) or ()
        else:
            since = at - SAME_TIME
            bound = prober.events(who, since=since, until=at) or ()
            beyond = prober.events(who, since=since, until=at + MILLISECOND) or ()
        seen.append((each.event_id in bound, each.event_id in beyond))
    return seen


def _updated(prober: Prober, told: Sequence[Told]) -> list[tuple[datetime | None, datetime]]:
    return [(prober.updated_at(each.customer_id), each.unassigned_at) for each in told]
