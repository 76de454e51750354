"""What a person reads."""

from datetime import UTC, datetime

from sync.cli.show import Rehearsal, rehearsal_json, rehearsal_text, summary_text
from sync.model.change import Change
from sync.model.outcome import Outcome, Result
from sync.model.summary import CallCounts, Summary
from sync.model.unassignment import Unassignment

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_is_not_known_is_said_so():
    summary = Summary(
        run_id="r1",
        kind="run",
        result="failed",
        parked_by=None,
        started_at=AT,
        finished_at=AT,
        destination="sql-1",
        calls=CallCounts(made=3, cycle_used_by_us=None, cycle_share_left=None),
        pending=None,
        dead_letters=None,
    )

    text = summary_text(summary)

    assert "an unknown number pending" in text
    assert "3 made, an unknown number of our share" in text
    assert "None" not in text


def rehearsal(*outcomes):
    told = [
        Unassignment(
            holder_id=f"rh_{number}",
            event_id="evcus_1",
            role="REFEREE",
            customer_id="cust_gZkLc0hD4eUw2mXqRs8ZcN1x",
            source_id=None,
            email=None,
            voucher_id="v_1",
            code="FRIEND-7X2KQ",
            campaign_id=None,
            campaign_name="Referral, spring",
            assigned_at=AT,
            unassigned_at=AT,
            superseded_by=None,
        )
        for number in range(len(outcomes))
    ]
    return Rehearsal(tuple(zip(told, outcomes, strict=True)), ())


def test_a_dry_run_shows_the_record_and_each_field_before_and_after():
    change = Change("0031x00000Abcde1AA", {"code": "A;B", "at": ""}, {"code": "A", "at": "today"})
    gone = Change("18", {"code": "X"}, {})

    text = rehearsal_text(
        rehearsal(
            Outcome(Result.REMOVED, change=change),
            Outcome(Result.REMOVED, change=gone),
            Outcome(Result.CONTACT_NOT_FOUND),
        )
    )

    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "FRIEND-7X2KQ 0031x00000Abcde1AA code A;B A" in rows
    assert "FRIEND-7X2KQ 0031x00000Abcde1AA at (empty) today" in rows
    assert "FRIEND-7X2KQ 18 code X the record is deleted" in rows
    assert any("cust_gZkLc0hD4eUw2mXqRs8ZcN1x removed 0031x00000Abcde1AA" in each for each in rows)


def test_what_an_adapter_can_not_tell_is_null_and_not_shown():
    told = rehearsal(Outcome(Result.REMOVED))

    (row,) = rehearsal_json(told)["told"]

    assert (row["record_id"], row["before"], row["after"]) == (None, None, None)
    assert "what would change" not in rehearsal_text(told)


def test_a_dry_run_says_why_the_crm_would_answer_so():
    told = rehearsal(Outcome.rejected("several contacts match"), Outcome(Result.REMOVED))

    (first, second) = rehearsal_json(told)["told"]

    assert (first["reason"], second["reason"]) == ("several contacts match", None)
    assert "because" in rehearsal_text(told)
    assert "several contacts match" in " ".join(rehearsal_text(told).split())


def test_a_dry_run_without_reasons_has_no_column_for_them():
    assert "because" not in rehearsal_text(rehearsal(Outcome(Result.REMOVED)))
