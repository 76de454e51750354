"""What HubSpot refuses, is too busy for, or never answers; over real HTTP, on our double."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result, TellUserError, Undone
from sync.crm.hubspot.adapter import PATIENCE
from sync.crm.mapped.mapping import Slot, SlotMapping
from tests.crm.hubspot.account import (
    ALONE,
    BY_CODE,
    BY_ID,
    BY_SHOP,
    FIND,
    OBJECT,
    PROPERTIES,
    READ,
    RECORDS,
    TOLD,
    WRITE,
    found_by,
    furnish,
    results,
)
from tests.crm.hubspot.endpoints import Property

HASTY = replace(PATIENCE, connect=0.5, read=0.2, answer=0.2, attempts=1)


@pytest.fixture(autouse=True)
def _furnished(hubspot):
    furnish(hubspot)


@pytest.fixture
def holders(hubspot):
    """Add contacts that hold the code, and give their ids."""
    return lambda *who, **fields: [
        hubspot.add(voucherify_id=each, voucher_code="FRIEND-1", **fields) for each in who
    ]


def many(count):
    return [f"c{number}" for number in range(count)]


# --- a rule of the account -----------------------------------------------------------------------


@pytest.mark.parametrize("partial", [True, False])
def test_a_rule_that_forbids_one_write_rejects_one_and_no_other(
    hubspot, adapter, holders, of, partial
):
    hubspot.partial = partial
    hubspot.properties["contacts"]["voucher_code"] = Property(required_if=("note", "vip"))
    ids = holders(*many(100))
    hubspot.edit(ids[41], note="vip")

    outcomes = adapter().unassign(of(*many(100)))

    assert results(outcomes[:41] + outcomes[42:]) == [Result.REMOVED] * 99
    assert outcomes[41].result is Result.REJECTED
    assert "VALIDATION_ERROR" in outcomes[41].reason
    assert hubspot.shows(ids[41])["voucher_code"] == "FRIEND-1"
    assert hubspot.calls[WRITE] + hubspot.calls[ALONE] == (1 if partial else 1 + 10 + 10)


def test_an_error_of_a_batch_that_names_nobody_is_looked_into(hubspot, adapter, holders, of):
    hubspot.partial, hubspot.blames = True, False
    hubspot.properties["contacts"]["voucher_code"] = Property(required_if=("note", "vip"))
    ids = holders(*many(5))
    hubspot.edit(ids[3], note="vip")

    outcomes = adapter().unassign(of(*many(5)))

    assert results(outcomes) == [*[Result.REMOVED] * 3, Result.REJECTED, Result.REMOVED]
    assert hubspot.calls == {READ: 2, WRITE: 1, ALONE: 1, PROPERTIES: 1}


def test_an_answer_that_tells_of_nobody_is_looked_into(hubspot, adapter, holders, of):
    ids = holders(*many(3))
    hubspot.fail("batch/update", 200, {"status": "PENDING", "results": []})

    assert results(adapter().unassign(of(*many(3)))) == [Result.REMOVED] * 3
    assert not any(hubspot.shows(each).get("voucher_code") for each in ids)
    assert hubspot.calls == {READ: 2, WRITE: 1, ALONE: 3}


def test_a_rule_that_forbids_them_all_costs_no_more_calls_than_it_must(
    hubspot, adapter, holders, of
):
    hubspot.properties["contacts"]["voucher_code"] = Property(required_if=True)
    holders(*many(100))

    assert results(adapter().unassign(of(*many(100)))) == [Result.REJECTED] * 100
    assert hubspot.calls[WRITE] + hubspot.calls[ALONE] == 1 + 10 + 100


def test_a_rejection_says_nothing_of_the_person(hubspot, adapter, holders, of):
    hubspot.properties["contacts"]["voucher_code"] = Property(required_if=True)
    holders("a")

    assert adapter().unassign(of("a")) == [
        Outcome.rejected(
            "HubSpot refuses it (400 VALIDATION_ERROR): a rule of the account forbids what would "
            "be written"
        )
    ]


WRONG = {
    "no property voucher_code": {"voucher_code": None},
    "no property voucher_status": {"voucher_status": None},
    "no property voucherify_id": {"voucherify_id": None},
    "voucher_code can't be written": {"voucher_code": Property(read_only=True)},
    "voucher_discount can't be written": {"voucher_discount": Property(calculated=True)},
    'no option "unassigned"': {"voucher_status": Property("enumeration", options=("a",))},
    "takes a date": {"voucher_ended_at": Property("date")},
}


@pytest.mark.parametrize("says", WRONG)
@pytest.mark.parametrize("count", [1, 3])
def test_what_the_mapping_got_wrong_stops_the_delivery_and_rejects_nobody(
    hubspot, adapter, holders, of, *, says, count
):
    ids = holders(*many(count))
    for name, broken in WRONG[says].items():
        hubspot.properties["contacts"][name] = broken
        if broken is None:
            del hubspot.properties["contacts"][name]

    with pytest.raises(TellUserError, match=says):
        adapter(TOLD).unassign(of(*many(count)))
    assert hubspot.calls[WRITE] + hubspot.calls[ALONE] <= 1
    assert {hubspot.shows(each)["voucher_code"] for each in ids} == {"FRIEND-1"}


# --- busy, and over a limit ----------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "seconds"), [("SECONDLY", 1), ("TEN_SECONDLY_ROLLING", 10)])
@pytest.mark.parametrize("ending", ["batch/read", "batch/update"])
def test_a_short_limit_is_waited_for(hubspot, adapter, holders, of, *, policy, seconds, ending):
    holders("a", "b")
    hubspot.limit(ending, policy)

    assert results(adapter().unassign(of("a", "b"))) == [Result.REMOVED] * 2
    assert sum(hubspot.waits) == pytest.approx(seconds + 0.5, abs=0.6)


@pytest.mark.parametrize("ending", ["batch/read", "batch/update"])
def test_the_limit_of_the_day_ends_this_delivery_at_once(hubspot, adapter, holders, of, ending):
    holders("a", "b")
    hubspot.limit(ending, "DAILY", times=9)

    used_up = Outcome.retry("HubSpot's calls of the day are used up", timedelta(hours=1))
    assert adapter().unassign(of("a", "b")) == [used_up] * 2
    assert hubspot.waits == []
    assert hubspot.calls.total() == (1 if ending == "batch/read" else 2)


def test_a_limit_with_no_name_is_tried_again(hubspot, adapter, holders, of):
    holders("a")
    hubspot.fail("batch/read", 429, {"message": "slow down"}, times=2)

    assert results(adapter().unassign(of("a"))) == [Result.REMOVED]


@pytest.mark.parametrize("word", ["ANN SMITH", "ann", "ANN@EXAMPLE", "A" * 61, 7, None])
def test_of_a_refusal_only_a_word_of_hubspots_own_is_repeated(hubspot, adapter, holders, of, word):
    holders("a")
    hubspot.fail("contacts/ID", 400, {"category": word, "errorType": word})

    (outcome,) = adapter().unassign(of("a"))

    assert outcome.reason.startswith("HubSpot refuses it (400 unknown): ")


def test_a_longer_wait_that_hubspot_asks_for_is_left_to_the_next_run(hubspot, adapter, holders, of):
    holders("a")
    hubspot.fail("batch/read", 477, times=9, Retry_After="7200")

    (outcome,) = adapter().unassign(of("a"))

    assert (outcome.result, outcome.after) == (Result.RETRY, timedelta(hours=2))
    assert hubspot.waits == []


def test_no_wait_that_hubspot_asks_for_is_longer_than_a_day(hubspot, adapter, holders, of):
    holders("a")
    hubspot.fail("batch/read", 429, times=9, Retry_After="999999")

    assert [each.after for each in adapter().unassign(of("a"))] == [timedelta(days=1)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_write_that_is_answered_without_a_body_is_looked_up(hubspot, adapter, holders, of, count):
    ids = holders(*many(count))
    ending = "batch/update" if count > 1 else "contacts/ID"

    def is_applied(batch):
        for each in ids:
            hubspot.edit(each, voucher_code="")
        return batch

    ending_them = adapter()
    ending_them.ask_by(is_applied)
    hubspot.fail(ending, 204, times=2)

    assert results(ending_them.unassign(of(*many(count)))) == [Result.REMOVED] * count


@pytest.mark.parametrize("status", [423, 477, 500, 502, 503, 504, 524, 408])
@pytest.mark.parametrize("ending", ["batch/read", "batch/update"])
def test_a_call_that_hubspot_could_not_take_is_made_again(
    hubspot, adapter, holders, of, *, status, ending
):
    holders("a", "b")
    hubspot.fail(ending, status)

    assert results(adapter().unassign(of("a", "b"))) == [Result.REMOVED] * 2


def test_a_locked_account_gets_two_seconds(hubspot, adapter, holders, of):
    holders("a")
    hubspot.fail("batch/read", 423)

    adapter().unassign(of("a"))

    assert 2 <= sum(hubspot.waits) <= 3


@pytest.mark.parametrize("ending", ["batch/read", "batch/update"])
def test_a_hubspot_that_is_down_is_a_retry_for_all_and_writes_nothing(
    hubspot, adapter, holders, of, ending
):
    ids = holders("a", "b")
    hubspot.fail(ending, 503, times=99)

    outcomes = adapter().unassign(of("a", "b", "nobody"))

    expected = Result.RETRY if ending == "batch/read" else Result.CONTACT_NOT_FOUND
    assert results(outcomes) == [Result.RETRY, Result.RETRY, expected]
    assert "503" in outcomes[0].reason
    assert {hubspot.shows(each)["voucher_code"] for each in ids} == {"FRIEND-1"}


def test_somebody_who_can_not_be_read_for_now_is_not_called_missing(hubspot, adapter, of):
    hubspot.add(OBJECT, holder_id="rh_0", status="assigned")
    stuck = {"status": "error", "category": "INTERNAL_ERROR", "context": {"ids": ["rh_0"]}}
    hubspot.fail("batch/read", 207, {"results": [], "numErrors": 1, "errors": [stuck]})

    (outcome,) = adapter(RECORDS).unassign(of("a"))

    assert outcome == Outcome.retry("HubSpot could not read all of a batch (INTERNAL_ERROR)")
    assert results(adapter(RECORDS).unassign(of("a"))) == [Result.REMOVED]


@pytest.mark.parametrize("mapping", [BY_CODE, BY_ID])
def test_one_who_can_not_be_read_keeps_nobody_else_waiting(hubspot, adapter, of, mapping):
    ids = [hubspot.add(voucherify_id=each, voucher_code="FRIEND-1") for each in many(3)]
    batch = [replace(each, source_id=id_) for each, id_ in zip(of(*many(3)), ids, strict=True)]
    hubspot.unreadable = {ids[1]}

    outcomes = adapter(mapping).unassign(batch)

    assert results(outcomes) == [Result.REMOVED, Result.RETRY, Result.REMOVED]
    assert "INTERNAL_ERROR" in outcomes[1].reason
    assert hubspot.shows(ids[1])["voucher_code"] == "FRIEND-1"


def test_who_was_searched_and_can_not_be_read_is_not_called_missing(hubspot, adapter, of):
    ids = [hubspot.add(shop_id=each, voucher_code="FRIEND-1") for each in ("a", "b")]
    hubspot.unreadable = {ids[1]}
    batch = [replace(each, source_id=each.customer_id) for each in of("a", "b")]

    assert results(adapter(BY_SHOP).unassign(batch)) == [Result.RETRY] * 2


def test_who_can_not_be_read_before_a_late_writing_is_not_written(hubspot, adapter, holders, of):
    ids = holders("a", "b")
    slow = adapter()

    def held_now(batch):
        hubspot.wait(6)
        hubspot.unreadable = {ids[1]}
        return batch

    slow.ask_by(held_now)

    assert results(slow.unassign(of("a", "b"))) == [Result.REMOVED, Result.RETRY]
    assert hubspot.shows(ids[1])["voucher_code"] == "FRIEND-1"


def test_an_undo_calls_nobody_missing_who_can_not_be_read(hubspot, adapter, holders, of):
    ids = holders("a")
    ending = adapter()
    (outcome,) = ending.unassign(of("a"))
    hubspot.unreadable = set(ids)

    assert [each.result for each in ending.restore([outcome.change], dry_run=False)] == [
        Undone.RETRY
    ]


NO_WHOLE_ANSWER = [
    {},
    {"results": None},
    {"status": "PENDING", "results": []},
    {"status": "CANCELED", "results": []},
]


@pytest.mark.parametrize("body", NO_WHOLE_ANSWER)
@pytest.mark.parametrize("find", [*FIND, "prop:shop_id = source_id"])
def test_nobody_is_called_missing_by_an_answer_that_is_not_whole(hubspot, adapter, of, body, find):
    ann = hubspot.add(voucherify_id="a", shop_id="shop-7", voucher_code="FRIEND-1")
    hubspot.fail("batch/read" if find in FIND else "search", 200, body)

    outcomes = adapter(found_by(find)).unassign(of("a"))

    assert results(outcomes) == [Result.RETRY]
    assert hubspot.shows(ann)["voucher_code"] == "FRIEND-1"


@pytest.mark.parametrize("status", [400, 402, 404, 405, 410, 415, 451])
@pytest.mark.parametrize("find", ["email = email", *FIND, "record_id = source_id"])
def test_nobody_is_called_missing_where_no_question_is_answered(
    hubspot, adapter, of, *, status, find
):
    batch = [replace(each, source_id="123") for each in of("a", "b")]
    asking = adapter(found_by(find))

    with (
        hubspot.always(ending="batch/read", answer=(status, {}, {})),
        pytest.raises(TellUserError, match=f"{status}.*version 2026-09"),
    ):
        asking.unassign(batch)


@pytest.mark.parametrize("find", [*FIND, "email = email"])
def test_one_odd_value_alone_finds_nobody_and_stops_nothing(hubspot, adapter, of, find):
    hubspot.properties["contacts"]["voucherify_id"].kind = "number"
    hubspot.fail("batch/read", 400, {"category": "VALIDATION_ERROR"})
    asking = adapter(found_by(find))

    assert results(asking.unassign(of("no-number"))) == [Result.CONTACT_NOT_FOUND]


def test_an_email_is_unique_to_contacts_alone(hubspot, adapter, of):
    hubspot.define("companies", "email", "voucher_code")
    first, second = (
        hubspot.add("companies", email="ann@example.com", voucher_code="FRIEND-1") for _ in range(2)
    )
    by_email = SlotMapping(
        object="companies", find=("email = email",), slot=(Slot(code="voucher_code"),)
    )

    assert results(adapter(by_email).unassign(of("a"))) == [Result.REJECTED]
    hubspot.remove(second, "companies")
    assert results(adapter(by_email).unassign(of("a"))) == [Result.REMOVED]
    assert "voucher_code" not in hubspot.shows(first, "companies")


@pytest.mark.parametrize("shown", [12345, 1.5, True, ["FRIEND-1"]])
def test_a_value_that_is_no_text_is_not_taken_for_an_empty_field(hubspot, adapter, of, shown):
    ann = hubspot.add(voucherify_id="a")
    hubspot.objects["contacts"][ann]["voucher_code"] = shown

    assert results(adapter().unassign(of("a"))) == [Result.SUPERSEDED]


def test_a_page_of_a_proxy_is_no_answer(hubspot, adapter, holders, of):
    holders("a")
    hubspot.fail("batch/read", 200, b"<html>hello</html>", times=2)

    assert results(adapter().unassign(of("a"))) == [Result.REMOVED]


def test_nobody_there_is_a_retry(adapter, of):
    gone = adapter(base_url="http://127.0.0.1:9")

    assert results(gone.unassign(of("a"))) == [Result.RETRY]


# --- lost answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_a_write_whose_answer_is_lost_is_told_as_what_it_was(
    hubspot, adapter, holders, of, *, written, count
):
    ids = holders(*many(count))
    hubspot.lose("batch/update" if count > 1 else "contacts/ID", written=written)

    outcomes = adapter().unassign(of(*many(count)))

    assert results(outcomes) == [Result.REMOVED] * count
    assert [each.change.record_id for each in outcomes] == ids
    assert not any(hubspot.shows(each).get("voucher_code") for each in ids)


def test_a_time_that_hubspot_spells_anew_does_not_hide_what_was_written(
    hubspot, adapter, holders, of
):
    holders("a", "b")
    hubspot.lose("batch/update", times=2)
    told = Slot(code="voucher_code", set={"voucher_ended_at": "1767225600123"})

    outcomes = adapter(SlotMapping(find=FIND, slot=(told,))).unassign(of("a", "b"))

    assert results(outcomes) == [Result.REMOVED] * 2


@pytest.mark.parametrize("written", [True, False])
def test_a_write_that_is_never_answered_is_looked_up_before_it_is_made_again(
    hubspot, adapter, holders, of, written
):
    ids = holders(*many(2))
    hubspot.silence("batch/update", times=1, written=written)

    outcomes = adapter(patience=HASTY).unassign(of(*many(2)))

    assert results(outcomes) == [Result.REMOVED] * 2
    assert not any(hubspot.shows(each).get("voucher_code") for each in ids)


def test_what_somebody_wrote_after_a_lost_answer_stays(hubspot, adapter, holders, of):
    ann, bob = holders("a", "b")
    hubspot.lose("batch/update", times=2)
    hubspot.meanwhile("batch/read", lambda: None)
    hubspot.meanwhile("batch/read", lambda: hubspot.edit(ann, voucher_code="NEWER"))

    outcomes = adapter().unassign(of("a", "b"))

    assert results(outcomes) == [Result.SUPERSEDED, Result.REMOVED]
    assert hubspot.shows(ann)["voucher_code"] == "NEWER"
    assert "voucher_code" not in hubspot.shows(bob)


def test_what_was_written_one_by_one_stays_told_when_hubspot_goes_down(
    hubspot, adapter, holders, of
):
    hubspot.properties["contacts"]["voucher_code"] = Property(required_if=("note", "vip"))
    ids = holders(*many(4))
    hubspot.edit(ids[0], note="vip")

    def goes_down():
        hubspot.fail("contacts/ID", 503, times=99)

    for act in (None, None, goes_down):
        hubspot.meanwhile("contacts/ID", act or (lambda: None))

    assert results(adapter().unassign(of(*many(4)))) == [
        Result.REJECTED,
        Result.REMOVED,
        Result.REMOVED,
        Result.RETRY,
    ]


def test_what_was_written_stays_told_when_the_token_is_refused_after_it(
    hubspot, adapter, holders, of
):
    ids = holders(*many(4))
    hubspot.forbidden = {ids[0]}
    for act in (None, None, lambda: hubspot.scopes.remove("write")):
        hubspot.meanwhile("contacts/ID", act or (lambda: None))
    ending = adapter()

    outcomes = ending.unassign(of(*many(4)))

    assert results(outcomes) == [Result.REJECTED, Result.REMOVED, Result.RETRY, Result.RETRY]
    assert "crm.objects.contacts.write" in outcomes[3].reason
    with pytest.raises(CredentialsRefusedError):
        ending.unassign(of(*many(4)))


def test_what_a_batch_wrote_stays_told_when_the_token_is_refused_at_what_it_left(
    hubspot, adapter, holders, of
):
    hubspot.partial, hubspot.blames = True, False
    ids = holders(*many(3))
    hubspot.forbidden = {ids[2]}
    hubspot.meanwhile("batch/read", lambda: None)
    hubspot.meanwhile("batch/read", hubspot.scopes.clear)

    outcomes = adapter().unassign(of(*many(3)))

    assert results(outcomes) == [Result.REMOVED, Result.REMOVED, Result.RETRY]
    assert [each.change is not None for each in outcomes] == [True, True, False]


def test_a_restore_that_hubspot_can_not_take_is_a_retry(hubspot, adapter, holders, of):
    holders("a")
    cleared = adapter()
    changes = [each.change for each in cleared.unassign(of("a"))]
    hubspot.fail("batch/read", 503, times=99)

    assert [each.result for each in cleared.restore(changes, dry_run=False)] == [Undone.RETRY]


def test_a_restore_that_a_rule_forbids_is_rejected(hubspot, adapter, holders, of):
    numbers = SlotMapping(find=FIND, slot=(Slot(code="voucher_code", clear=("tier",)),))
    hubspot.define("contacts", tier=Property("enumeration", options=("gold",)))
    holders("a", tier="gold")
    cleared = adapter(numbers)
    changes = [each.change for each in cleared.unassign(of("a"))]
    hubspot.properties["contacts"]["tier"] = Property("enumeration", options=("silver",))

    assert [each.result for each in cleared.restore(changes, dry_run=False)] == [Undone.REJECTED]


# --- the key -------------------------------------------------------------------------------------


def test_a_token_that_hubspot_does_not_know_ends_the_delivery(hubspot, adapter, holders, of):
    holders("a")
    wrong = adapter(token="pat-s3cret")

    with pytest.raises(CredentialsRefusedError, match=r"HUBSPOT_ACCESS_TOKEN \(401\)") as told:
        wrong.unassign(of("a"))
    assert "s3cret" not in str(told.value)
    assert hubspot.calls.total() == 1


@pytest.mark.parametrize(
    ("mapping", "name"), [(BY_CODE, "contacts"), (RECORDS, "custom")], ids=["contacts", "custom"]
)
@pytest.mark.parametrize("missing", ["read", "write"])
def test_a_missing_scope_ends_the_delivery_and_is_named(
    hubspot, adapter, holders, of, *, mapping, name, missing
):
    ids = holders("a")
    hubspot.add(OBJECT, holder_id="rh_0", status="assigned")
    hubspot.scopes.remove(missing)

    with pytest.raises(CredentialsRefusedError, match=rf"crm\.objects\.{name}\.{missing}"):
        adapter(mapping).unassign(of("a"))
    assert hubspot.shows(ids[0])["voucher_code"] == "FRIEND-1"


def test_a_redirect_is_not_followed(hubspot, adapter, of):
    hubspot.fail("batch/read", 302, Location="http://127.0.0.1:9/elsewhere")

    with pytest.raises(TellUserError, match="HUBSPOT_BASE_URL leads to a redirect"):
        adapter().unassign(of("a"))
