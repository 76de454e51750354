"""A CRM, or its adapter, that fails: what is stored, and what a person is told."""

import re

import pytest

from sync.crm.adapter import Change, Outcome, Result
from sync.errors import (
    AbortError,
    CredentialsRefusedError,
    TellUserError,
    UnavailableError,
)
from sync.jobs.deliver import BATCH
from sync.model.summary import OutcomeCount


def test_a_wrong_number_of_answers_stores_none_of_them(shop, find, deliver, states):
    find("rh_1", "rh_2")
    shop.crm.too_few = True

    delivered = deliver()

    assert type(delivered.stopped_by) is AbortError
    assert delivered.stopped_by.exit_code == 70
    assert "did not give one Outcome for each of 2" in str(delivered.stopped_by)
    assert set(states().values()) == {"pending"}
    assert delivered.outcomes == OutcomeCount()


@pytest.mark.parametrize(
    "error",
    [
        CredentialsRefusedError("the CRM refused the key"),
        TellUserError("no such column"),
        AbortError("no"),
        UnavailableError("no whole answer"),
    ],
)
def test_an_error_of_the_crm_ends_the_delivery_and_leaves_all_pending(
    shop, find, deliver, states, error
):
    find("rh_1")
    shop.crm.always = error

    delivered = deliver()

    assert (delivered.stopped_by, delivered.ended) == (error, True)
    assert states() == {"rh_1": "pending"}


def test_a_mistake_of_an_adapter_is_told_by_its_place_and_not_by_its_text(
    shop, find, deliver, states
):
    find("rh_1")
    shop.crm.always = KeyError("ann@example.com")

    delivered = deliver()

    assert (type(delivered.stopped_by), delivered.ended) == (AbortError, True)
    assert delivered.stopped_by.exit_code == 70
    assert re.fullmatch(
        r"the adapter of memory-1 failed with KeyError in conftest\.py, line \d+; that is for its "
        r"author, and what it was told stays pending",
        str(delivered.stopped_by),
    )
    assert delivered.stopped_by.__cause__ is shop.crm.always
    assert states() == {"rh_1": "pending"}


def test_a_change_that_can_not_be_kept_is_the_adapter_s_mistake_and_not_a_bug_of_ours(
    shop, find, deliver, states
):
    find("rh_1")
    read = {"ended_at": shop.clock()}
    shop.crm.unassign = lambda batch: [
        Outcome(Result.REMOVED, change=Change(each.holder_id, read, {})) for each in batch
    ]

    delivered = deliver()

    assert (type(delivered.stopped_by), delivered.ended) == (AbortError, True)
    assert "the adapter of memory-1 failed with TypeError" in str(delivered.stopped_by)
    assert states() == {"rh_1": "pending"}


def test_an_adapter_that_wants_to_end_the_process_ends_only_the_delivery(
    shop, find, deliver, states
):
    find("rh_1")
    shop.crm.always = SystemExit(0)

    delivered = deliver()

    assert delivered.stopped_by.exit_code == 70
    assert "failed with SystemExit" in str(delivered.stopped_by)
    assert states() == {"rh_1": "pending"}


def test_a_mistake_of_an_adapter_keeps_what_it_told_before(shop, find, deliver, states):
    ids = [f"rh_{number:03}" for number in range(BATCH + 1)]
    find(*ids)
    unassign = shop.crm.unassign
    shop.crm.unassign = lambda batch: unassign(batch) if len(batch) == BATCH else None

    delivered = deliver()

    assert type(delivered.stopped_by) is AbortError
    assert "failed with TypeError" in str(delivered.stopped_by)
    assert [holder for holder, status in states().items() if status == "pending"] == ids[BATCH:]


def test_an_adapter_may_give_its_answers_one_by_one(shop, find, deliver, states):
    find("rh_1", "rh_2")
    unassign = shop.crm.unassign
    shop.crm.unassign = lambda batch: (outcome for outcome in unassign(batch))

    assert deliver().outcomes == OutcomeCount(removed=2)
    assert set(states().values()) == {"delivered"}
