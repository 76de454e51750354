"""Whatever HubSpot does to the calls, and whatever contacts hold: only what is meant is cleared."""

from contextlib import closing
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.crm.adapter import Result
from sync.crm.hubspot.adapter import PATIENCE
from tests.crm.hubspot.account import BY_CODE, adapter_on, furnish
from tests.crm.hubspot.double import HubSpot

CODES = ("", "FRIEND-1", "OTHER", " FRIEND-1 ", "friend-1")
ENDINGS = st.sampled_from(["batch/read", "batch/update", "contacts/ID", ""])
WRITES = st.sampled_from(["batch/update", "contacts/ID"])
POLICIES = st.sampled_from(["SECONDLY", "TEN_SECONDLY_ROLLING", "DAILY"])
FAULTS = st.one_of(
    st.tuples(st.just("fail"), ENDINGS, st.sampled_from([423, 500, 503])),
    st.tuples(st.just("fail"), WRITES, st.just(400)),
    st.tuples(st.just("limit"), ENDINGS, POLICIES),
    st.tuples(st.just("lose"), ENDINGS, st.booleans()),
)
CASES = st.fixed_dictionaries(
    {
        "codes": st.lists(st.sampled_from(CODES), max_size=14),
        "asked": st.sets(st.integers(0, 15)),
        "forbidden": st.sets(st.integers(0, 13), max_size=3),
        "faults": st.lists(FAULTS, max_size=6),
        "partial": st.booleans(),
    }
)
HASTY = replace(PATIENCE, attempts=2)
ROUNDS = 8


@given(case=CASES)
@settings(max_examples=30)
def test_in_the_end_each_contact_shows_what_it_should(unassignment, case):
    hubspot = HubSpot()
    try:
        ids = prepare(hubspot, case)
        batch = {at: unassignment(f"rh_{at}", customer_id=f"c{at}") for at in case["asked"]}
        told = until_told(hubspot, batch)
        shown = [hubspot.shows(each).get("voucher_code", "") for each in ids]
    finally:
        hubspot.stop()

    assert told.keys() == case["asked"]
    refusing = any(what == 400 for _, _, what in case["faults"])
    for at, (before, after) in enumerate(zip(case["codes"], shown, strict=True)):
        is_meant = at in case["asked"] and before.strip() == "FRIEND-1"
        is_refused = is_meant and (at in case["forbidden"] or told[at] is Result.REJECTED)
        assert after == ("" if is_meant and not is_refused else before)
        assert not is_refused or told[at] is Result.REJECTED
        assert not is_refused or refusing or at in case["forbidden"]
    strangers = {told[at] for at in case["asked"] if at >= len(shown)}
    assert strangers <= {Result.CONTACT_NOT_FOUND}


def prepare(hubspot, case):
    hubspot.partial = case["partial"]
    furnish(hubspot)
    ids = [
        hubspot.add(voucherify_id=f"c{at}", voucher_code=code)
        for at, code in enumerate(case["codes"])
    ]
    hubspot.forbidden = {ids[at] for at in case["forbidden"] if at < len(ids)}
    for how, ending, what in case["faults"]:
        if how == "lose":
            hubspot.lose(ending, written=what)
        else:
            getattr(hubspot, how)(ending, what)
    return ids


def until_told(hubspot, pending):
    """Ask until nothing is to be asked again; give the results."""
    told = {}
    with closing(adapter_on(hubspot, BY_CODE, patience=HASTY)) as adapter:
        for _ in range(ROUNDS):
            left = [at for at in pending if at not in told]
            outcomes = adapter.unassign([pending[at] for at in left]) if left else []
            for at, outcome in zip(left, outcomes, strict=True):
                if outcome.result is not Result.RETRY:
                    told[at] = outcome.result
    return told
