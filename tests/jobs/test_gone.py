"""What a deletion in Voucherify means for what we know."""

from datetime import UTC, datetime

import pytest

from sync.jobs.gone import what_follows
from sync.model.event import Gone
from sync.model.unassignment import Unassignment

DELETED_AT = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize("policy", ["dead-letter", "unassign"])
def test_who_held_nothing_leaves_nothing_to_do(policy):
    assert what_follows("cust_1", (), policy, DELETED_AT) == Gone("cust_1")


def test_a_person_decides_by_default(assignment):
    gone = what_follows(
        "cust_1", (assignment("rh_1"), assignment("rh_2")), "dead-letter", DELETED_AT
    )

    assert gone.derived == ()
    assert gone.letter == (
        "customer_gone: deleted in Voucherify while holding rh_1, rh_2; set "
        "HOLDERSYNC_ON_CUSTOMER_GONE=unassign and retry to unassign, or discard"
    )


@pytest.mark.parametrize("policy", ["dead-letter", "unassign"])
def test_whose_end_was_told_and_can_be_read_no_more_is_for_a_person(policy):
    gone = what_follows("cust_1", (), policy, DELETED_AT, ("rh_8", "rh_9"))

    assert gone.derived == ()
    assert gone.letter == (
        "customer_gone: deleted in Voucherify after news that rh_8, rh_9 ended; their codes are "
        "not known: end them in the CRM by hand, then discard this"
    )


def test_a_letter_names_whoever_was_held_and_whoever_was_told(assignment):
    gone = what_follows("cust_1", (assignment("rh_1"),), "dead-letter", DELETED_AT, ("rh_9",))

    assert gone.left == ("rh_1", "rh_9")
    assert "while holding rh_1 and after news that rh_9 ended; set" in gone.letter


def test_the_policy_unassign_derives_what_no_event_tells(assignment):
    held = assignment("rh_1", campaign_id="camp_1")

    assert what_follows("cust_1", (held,), "unassign", DELETED_AT) == Gone(
        "cust_1",
        (
            Unassignment(
                holder_id="rh_1",
                event_id="derived:customer_gone:rh_1",
                role="REFEREE",
                customer_id="cust_1",
                source_id=None,
                email=None,
                voucher_id="v_1",
                code="FRIEND-1",
                campaign_id="camp_1",
                campaign_name=None,
                assigned_at=held.assigned_at,
                unassigned_at=DELETED_AT,
            ),
        ),
    )


def test_without_a_code_a_person_decides(assignment):
    held = (assignment("rh_1"), assignment("rh_2", code=None))

    gone = what_follows("cust_1", held, "unassign", DELETED_AT)

    assert [each.holder_id for each in gone.derived] == ["rh_1"]
    assert "holding rh_2; their codes are not known" in gone.letter
