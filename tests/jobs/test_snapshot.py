"""Who vanished from a code, from two looks at its list of holders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FailedError, UnreadableError
from sync.jobs.snapshot import compared, look, needs_walk
from sync.ledger.due_codes import DueCode
from sync.model.holding import HoldersPage
from sync.model.planning import CodeHistory
from sync.model.unassignment import Assignment

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
PAGE = 3


def held(number, role="REFEREE"):
    return Assignment(f"rh_{number:04}", f"cust_{number}", "v_1", None, "camp_1", role, NOW)


class Listed:
    """A list of holders, the newest first; `changes` are made after so many pages."""

    def __init__(self, numbers, total=None, changes=None):
        self.holders = [held(each) for each in sorted(numbers, reverse=True)]
        self.total = total
        self.changes = changes or {}
        self.calls = 0

    def page(self, _voucher_id, after):
        self.holders = self.changes.get(self.calls, self.holders)
        self.calls += 1
        behind = [each for each in self.holders if after is None or each.holder_id < after]
        rows = behind[:PAGE]
        total = len(self.holders) if self.total is None else self.total
        following = rows[-1].holder_id if rows else None
        return HoldersPage(
            NOW, tuple(rows), len(rows), total, rows[0].holder_id if rows else None, following
        )


def code(total=None, newest=None, walked_at=NOW, hinted=False):
    newest = None if newest is None else f"rh_{newest:04}"
    history = CodeHistory(holders=total or 0)
    return DueCode("v_1", "FRIEND-1", "camp_1", history, total, newest, NOW, walked_at, hinted)


def numbers(holders):
    return [int(each.holder_id[3:]) for each in holders]


def test_a_list_with_the_same_total_and_newest_is_read_no_further():
    listed = Listed(range(1, 10))

    seen = look(listed, code(total=9, newest=9), walk=False)

    assert (seen.walked, seen.holders, seen.calls, listed.calls) == (False, (), 1, 1)


def test_lists_that_change_while_they_are_read_are_not_alike():
    changes = {1: [held(each) for each in range(8, 0, -1)]}

    with pytest.raises(UnreadableError, match="changed while") as changed:
        look(Listed(range(1, 10), changes=changes), code(), walk=True)

    assert changed.value.signature.endswith("v_1")


def test_a_list_that_takes_more_pages_than_a_day_has_calls_is_not_begun():
    listed = Listed(range(1, 10))

    with pytest.raises(FailedError, match="9 hold it, which takes 3 calls"):
        look(listed, code(), walk=True, pages_at_most=2)

    assert listed.calls == 1
    assert look(Listed(range(1, 10)), code(), walk=True, pages_at_most=3).calls == 3


def test_a_list_that_does_not_begin_with_its_newest_is_read_to_its_end():
    listed = Listed(range(1, 10))
    listed.holders = [
        replace(each, assigned_at=NOW - WEEK + timedelta(hours=place))
        for place, each in enumerate(listed.holders)
    ]

    seen = look(listed, code(total=9, newest=9), walk=False)

    assert (seen.walked, len(seen.holders)) == (True, 9)


def test_a_list_that_only_grew_at_its_top_is_read_no_further_and_the_new_ones_appear():
    seen = look(Listed(range(1, 12)), code(total=9, newest=9), walk=False)

    assert (seen.walked, numbers(seen.holders), seen.total) == (False, [11, 10], 11)


@pytest.mark.parametrize(
    ("now", "total", "newest"),
    [
        (range(1, 9), 9, 9),  # the newest vanished
        ([*range(1, 5), *range(6, 10)], 9, 9),  # another one vanished
        ([*range(1, 5), *range(6, 11)], 9, 9),  # one vanished and another one came
        (range(1, 14), 9, 9),  # more came than a page holds
        (range(1, 10), None, None),  # never looked at
    ],
)
def test_a_list_that_changed_otherwise_is_read_to_its_end(now, total, newest):
    seen = look(Listed(now), code(total=total, newest=newest), walk=False)

    assert seen.walked
    assert sorted(numbers(seen.holders)) == list(now)


def test_whoever_must_walk_reads_a_list_that_seems_unchanged():
    seen = look(Listed(range(1, 10)), code(total=9, newest=9), walk=True)

    assert (seen.walked, seen.calls) == (True, 3)


def test_a_list_of_one_page_is_whole_with_one_call():
    seen = look(Listed([1, 2]), code(total=2, newest=2), walk=True)

    assert (seen.walked, seen.calls, numbers(seen.holders)) == (True, 1, [2, 1])


@pytest.mark.parametrize(
    "listed",
    [
        Listed(range(1, 10), total=12),
        Listed(range(1, 10), total=5),
        Listed(range(1, 10), changes={1: [held(each) for each in range(8, 0, -1)]}),
        Listed(range(1, 10), changes={2: [held(each) for each in range(12, 0, -1)]}),
        Listed([], total=3),
    ],
    ids=["too few rows", "too many rows", "one left meanwhile", "some came meanwhile", "empty"],
)
def test_a_half_read_list_makes_nobody_vanish(listed):
    with pytest.raises(UnreadableError, match="the list of its holders"):
        look(listed, code(total=9, newest=9, walked_at=None), walk=True)


@pytest.mark.parametrize(
    ("known", "ids_rise", "walk"),
    [
        (code(walked_at=None), True, True),
        (code(walked_at=NOW - WEEK), True, True),
        (code(walked_at=NOW + timedelta(hours=1)), True, True),  # a clock that went back
        (code(walked_at=NOW - timedelta(days=6)), True, False),
        (code(walked_at=NOW - timedelta(days=6)), False, True),
        (code(hinted=True), True, True),
    ],
)
def test_all_pages_are_read_in_time_and_where_ids_are_not_known_to_rise(known, ids_rise, walk):
    assert needs_walk(known, NOW, WEEK, ids_rise=ids_rise) is walk


ids = st.sets(st.integers(1, 30))


@given(ids, ids, ids, ids)
def test_each_holder_is_exactly_one_of_there_new_vanished_missing_and_back(
    there, away, remembered, now
):
    away -= there
    known = {f"rh_{each:04}": each in away for each in there | away}

    found = compared(known, {f"rh_{each:04}" for each in remembered}, list(map(held, now)))

    def told(holder_ids):
        return {int(each[3:]) for each in holder_ids}

    assert told(found.vanished) == (there | (remembered - away)) - now
    assert told(found.missing) == away - now
    assert told(found.back) == away & now
    assert set(numbers(found.appeared)) == now - there - away
