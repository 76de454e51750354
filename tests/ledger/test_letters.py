"""Dead letters are listed until a person closes them, and never deleted."""

import pytest

from sync.ledger.letters import (
    accept_event,
    change_reason,
    count_open,
    discard,
    open_letters,
)
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import dead_letters, unassignments


@pytest.fixture
def letters(ledger, invalid, now):
    """Three open letters about events."""
    found = [invalid(f"evcus_{number}") for number in (1, 2, 3)]
    RunProgress(ledger, "run-1", now).page_read("cust_1", found, None, now)
    return open_letters(ledger)


def test_letters_are_listed_oldest_first(ledger, letters):
    assert [letter.event_id for letter in letters] == ["evcus_1", "evcus_2", "evcus_3"]
    assert count_open(ledger) == 3


def test_letters_are_found_by_their_numbers(ledger, letters):
    wanted = [letters[2].number, letters[0].number, 999]

    assert open_letters(ledger, wanted) == [letters[0], letters[2]]
    assert open_letters(ledger, []) == []


def test_a_discarded_letter_is_kept_and_no_longer_listed(ledger, letters, rows, now):
    assert discard(ledger, [letters[0].number], now) == 1

    assert open_letters(ledger) == letters[1:]
    row = rows(ledger, dead_letters)[0]
    assert (row["status"], row["closed_at"], row["reason"]) == (
        "discarded",
        now,
        "voucher is missing",
    )


def test_a_letter_is_discarded_once(ledger, letters, now):
    numbers = [letters[0].number]
    discard(ledger, numbers, now)

    assert discard(ledger, numbers, now) == 0


def test_any_number_of_letters_is_discarded_at_once(ledger, letters, now):
    assert discard(ledger, range(70_000, 0, -1), now) == len(letters)
    assert count_open(ledger) == 0


def test_a_discarded_event_that_is_seen_again_stays_discarded(ledger, letters, invalid, now):
    discard(ledger, [letter.number for letter in letters], now)

    RunProgress(ledger, "run-2", now).page_read("cust_1", [invalid("evcus_1")], None, now)

    assert count_open(ledger) == 0


def test_an_event_that_is_understood_is_stored_with_its_letter_closed(
    ledger, letters, rows, unassigned, now
):
    accept_event(ledger, letters[1], [unassigned()], "run-2", now)

    assert open_letters(ledger) == [letters[0], letters[2]]
    assert [row["found_by"] for row in rows(ledger, unassignments)] == ["run-2"]


def test_a_letter_stays_open_for_a_reason(ledger, letters, rows, unassigned, now):
    accept_event(ledger, letters[1], [unassigned()], "run-2", now, still_open="half of it")

    assert [letter.reason for letter in open_letters(ledger)][1] == "half of it"
    assert len(rows(ledger, unassignments)) == 1


def test_a_reason_says_what_is_wrong_today(ledger, letters):
    change_reason(ledger, letters[0], "the code is empty")

    assert open_letters(ledger)[0].reason == "the code is empty"
