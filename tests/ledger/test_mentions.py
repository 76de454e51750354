"""An event's JSON without one person."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.ledger.mentions import OWN, Person, without

ANN = "cust_ann"
PERSON = Person(lambda text: text == ANN, lambda text: text == "17")


@pytest.mark.parametrize(
    "event",
    [
        {"data": {"holder": {"customer_id": ANN}, "customer": {"email": "ann@example.com"}}},
        {"data": [{"data": {"customer": {"id": ANN, "email": "ann@example.com"}}}]},
        {"customer_id": f"/v1/customers/{ANN}"},
        {"data": {"customer": {"source_id": "17", "email": "ann@example.com"}}},
    ],
)
def test_nothing_is_left_of_a_person_s_own_event(event):
    assert without(json.dumps(event), PERSON) is None


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (
            {"voucher": {"holder_id": ANN, "code": "A-1"}},
            {"voucher": {"code": "A-1", "holder_id": None}},
        ),
        ({"link": f"/v1/customers/{ANN}/activity?limit=1", "n": 1}, {"link": None, "n": 1}),
        ({"who": [ANN, "cust_bob"]}, {"who": [None, "cust_bob"]}),
        ({"by": {ANN: 1, "cust_bob": 2}}, {"by": {"cust_bob": 2}}),
    ],
)
def test_of_an_event_of_others_all_is_left_but_the_person(told, left):
    assert json.loads(without(json.dumps(told), PERSON)) == left


@pytest.mark.parametrize(
    "event",
    [
        {"created_at": "2026-11-10T08:17:05Z", "voucher": {"code": "17", "redeemed": "17"}},
        {"voucher": {"code": ANN}, "type": ANN, "created_at": ANN},
    ],
)
def test_what_an_event_is_nothing_without_stays_whatever_a_merchant_s_ids_look_like(event):
    assert json.loads(without(json.dumps(event), PERSON)) == event


@pytest.mark.parametrize("text", ["cust_anna", "xcust_ann", "CUST_ANN", "cust_ann@example.com", ""])
def test_another_id_is_not_taken_for_the_person(text):
    evidence = json.dumps({"voucher": {"holder_id": text}, "id": text})

    assert without(evidence, PERSON) == evidence


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from([ANN, f"/x/{ANN}", "17", ""]) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*OWN, ANN, "key"]), inner),
)


@given(JSON)
def test_nobody_is_found_in_what_is_left(event):
    left = without(json.dumps(event), PERSON)

    assert left is None or f'"{ANN}"' not in left
    assert left is None or without(left, PERSON) == left
