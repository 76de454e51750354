"""What is concluded from what the live API was seen to do: proven, disproven, or open."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.jobs.probe import (
    ENOUGH_ROWS,
    judge_inclusive,
    judge_order,
    judge_reused,
    judge_role_filter,
    judge_total,
    judge_type_filter,
    judge_updated,
)
from sync.ledger.probes import Told
from sync.voucherify.probing import HolderRow, HolderRows

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def row(number, at=None, friend=True):
    at = NOW + timedelta(minutes=number) if at is None else at
    return HolderRow(f"rh_{number:03}", at, friend)


def rows(*each, total=None, whole=True):
    return HolderRows(each, len(each) if total is None else total, whole)


def told(number, at=NOW):
    return Told(f"rh_{number:03}", f"evcus_{number}", f"cust_{number}", "v_1", at)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([], "open"),
        ([(False, False)], "open"),  # not listed any more: silence proves nothing
        ([(None, True)], "disproven"),
        ([(False, True), (True, True)], "disproven"),
        ([(True, True)], "proven"),
    ],
)
def test_the_type_filter_is_judged_by_known_events_only(seen, verdict):
    assert judge_type_filter(seen)[0] == verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([], "open"),
        ([(False, False)], "open"),
        ([(True, True)], "proven"),
        ([(True, True), (False, True)], "disproven"),
    ],
)
def test_a_bound_is_inclusive_if_all_events_came_with_their_own_time(seen, verdict):
    assert judge_inclusive(seen)[0] == verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([(None, NOW)] * 5, "open"),
        ([(NOW, NOW)] * 2, "open"),
        ([(NOW, NOW)] * 3, "proven"),
        ([(NOW, NOW), (NOW - DAY, NOW)], "disproven"),
    ],
)
def test_one_customer_that_was_not_touched_disproves_that_updated_at_moves(seen, verdict):
    assert judge_updated(seen)[0] == verdict


def test_many_ids_in_order_prove_that_they_rise_and_one_that_falls_disproves_it():
    in_order = [row(each) for each in range(ENOUGH_ROWS + 1, 0, -1)]

    assert judge_order([in_order])[0] == "proven"
    assert judge_order([in_order[:5], in_order[5:10]])[0] == "open"
    assert judge_order([[*in_order, row(0, NOW + DAY)]])[0] == "disproven"
    within = [row(2, NOW), row(1, NOW + timedelta(seconds=0.9))]
    assert judge_order([within, in_order])[0] == "proven"


def test_the_role_filter_is_judged_by_lists_of_several_roles():
    mixed = rows(row(3), row(2, friend=False), row(1))

    assert judge_role_filter([(rows(row(1)), rows(row(1)))])[0] == "open"
    assert judge_role_filter([(mixed, rows(row(3), row(1)))])[0] == "proven"
    assert judge_role_filter([(mixed, mixed)])[0] == "disproven"
    assert judge_role_filter([(mixed, rows())])[0] == "disproven"
    assert judge_role_filter([(mixed, rows(row(3), row(1), total=3))])[0] == "disproven"


def test_totals_are_judged_by_whole_lists():
    assert judge_total([rows(row(1), total=9, whole=False)])[0] == "open"
    assert judge_total([rows(row(1))])[0] == "open"
    assert judge_total([rows(row(1)), rows()])[0] == "proven"
    assert judge_total([rows(row(1)), rows(row(1), total=2)])[0] == "disproven"


def test_an_id_is_used_again_only_if_it_is_held_later():
    ended = [told(each) for each in range(1, 4)]

    assert judge_reused(ended, [row(1, NOW + DAY)])[0] == "proven"
    assert judge_reused(ended, [row(1, NOW - DAY)])[0] == "disproven"
    assert judge_reused(ended[:2], [])[0] == "open"
