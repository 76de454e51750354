"""Whatever happens to a reading, everything is stored exactly once in the end."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from sync.errors import FailedError, ParkError, RefusedError, UnavailableError
from sync.ledger.tables import bookmarks, customers, unassignments

PEOPLE = ("cust_a", "cust_b", "cust_c")
TROUBLE = {
    "ok": lambda: None,
    "down": lambda: UnavailableError("no whole answer"),
    "refused": lambda: RefusedError("Voucherify answered 400", signature="400 bad_request"),
    "odd": lambda: FailedError("odd", signature="envelope"),
    "parked": lambda: ParkError("used up", by="budget"),
}

events = st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 29), st.booleans()), max_size=9)
troubles = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(sorted(TROUBLE))), max_size=8
)
rounds = st.lists(st.tuples(events, troubles, st.integers(1, 3_000)), min_size=1, max_size=6)


class History:
    """Events that come in late by up to half the lookback, some of another type."""

    def __init__(self, shop, ended, item):
        self.shop, self._ended, self._item = shop, ended, item
        self.holders = []
        self._number = 0

    def add(self, who, minutes_late, is_ours):
        self._number += 1
        hours = (self._item("x", 0).at - self.shop.clock()) / timedelta(hours=1)
        hours += minutes_late / 60
        if is_ours:
            holder = f"rh_{self._number}"
            self.holders.append(holder)
            event = self._ended(holder, hours=hours, customer_id=who)
        else:
            event = self._item(f"evcus_{self._number}", hours=hours)
        self.shop.voucherify.happens(who, event)


def play(shop, history, story, in_line):
    """Let a story happen; give the cursors after each run."""
    cursors = []
    for arriving, troubles, minutes in story:
        for event in arriving:
            history.add(*event)
        for who, trouble in troubles:
            shop.voucherify.faults[who].append(TROUBLE[trouble]())
        shop.collect(in_line=in_line)
        cursors.append({row["customer_id"]: row["cursor"] for row in shop.rows(customers)})
        shop.clock.wait(minutes=minutes)
    return cursors


def never_back(cursors):
    for who in PEOPLE:
        seen = [each[who] for each in cursors if each.get(who) is not None]
        assert seen == sorted(seen)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(story=rounds, page_size=st.integers(1, 3), in_line=st.integers(1, 4), many=st.booleans())
def test_every_event_is_stored_once_and_cursors_rest_on_what_was_read(
    shop_in, ended, item, **about
):
    check(shop_in, ended, item, **about)


def check(shop_in, ended, item, **about):
    with TemporaryDirectory() as folder:
        shop = shop_in(Path(folder))
        shop.voucherify.page_size = about["page_size"]
        for who in PEOPLE:
            shop.voucherify.happens(who)
        history = History(shop, ended, item)
        threads = ThreadPoolExecutor(3) if about["many"] else nullcontext(shop.executor)
        with closing(shop.ledger), threads as shop.executor:
            cursors = play(shop, history, about["story"], about["in_line"])
            shop.voucherify.faults.clear()
            for _ in range(2):
                last = shop.collect(in_line=about["in_line"])

            assert (last.customers.failed, last.customers.left) == (0, 0)
            stored = [row["holder_id"] for row in shop.rows(unassignments)]
            assert sorted(stored) == sorted(history.holders)
            assert shop.rows(bookmarks) == []
            ends = {row["customer_id"]: row["cursor"] for row in shop.rows(customers)}
            never_back([*cursors, ends])
            for who in PEOPLE:
                times = [event.at for event in shop.voucherify.activity[who]]
                assert ends[who] == max(times, default=None)
