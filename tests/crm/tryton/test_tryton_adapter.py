"""What the contract doesn't ask of an adapter, and Tryton has."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import pytest

from sync.crm.adapter import CredentialsRefusedError, Result, TellUserError
from tests.crm.tryton.merchant import CATEGORY, PARTY
from tests.crm.tryton.tryton_adapter import AT_ONCE, NotWrittenError, Server, TrytonAdapter

NUMBERS = count(1)
WRITERS = 6


@pytest.fixture
def adapter(merchant):
    with closing(TrytonAdapter.from_env(merchant.settings)) as adapter:
        yield adapter


@pytest.fixture
def server(merchant):
    named = ("URL", "DATABASE", "USER", "PASSWORD")
    settings = [merchant.settings[f"TRYTON_{name}"] for name in named]
    with closing(Server(*settings, (5.0, 30.0))) as server:
        yield server


@pytest.fixture
def ann(merchant):
    """The id of somebody new who holds CODE-1 and CODE-2."""
    who = f"cust_ann{next(NUMBERS)}"
    merchant.put(("Ann", [who], None, ["CODE-1", "CODE-2"]))
    return who


@pytest.fixture
def end(adapter, unassignment):
    """End one assignment of CODE-1, and give the result."""

    def end(who, **fields):
        fields = {"customer_id": who, "source_id": None, "code": "CODE-1"} | fields
        return adapter.unassign([unassignment(**fields)])[0].result

    return end


def test_of_several_writers_with_one_time_stamp_exactly_one_writes(merchant, server, ann):
    """What `COMPARES_ON_SERVER` stands on."""
    for _ in range(5):
        merchant.touch(ann)
        (party,) = server.parties([ann])[ann]
        removals = {party.party_id: [party.categories["Vouchers / REFEREE / CODE-1"]]}
        start = threading.Barrier(WRITERS)

        def write(_, party=party, removals=removals, start=start):
            start.wait(30)
            try:
                server.write("remove", [party], removals)
            except NotWrittenError as error:
                return error.outcome.result
            return Result.REMOVED

        with ThreadPoolExecutor(WRITERS) as pool:
            results = sorted(pool.map(write, range(WRITERS)))
        assert results == [Result.REMOVED, *[Result.RETRY] * (WRITERS - 1)]
        merchant.give(ann, ["CODE-1"])


def test_a_session_that_has_ended_is_begun_again(merchant, end, ann):
    assert end(ann) is Result.REMOVED
    with merchant.another_password():
        pass

    assert end(ann) is Result.ALREADY_REMOVED
    assert merchant.codes([ann]) == {ann: {"CODE-2"}}


def test_a_code_of_another_role_stays(end, merchant, ann):
    assert end(ann, role="REFERRER") is Result.ALREADY_REMOVED
    assert merchant.codes([ann]) == {ann: {"CODE-1", "CODE-2"}}


def test_a_category_of_the_same_name_elsewhere_stays(end, merchant, ann):
    elsewhere = merchant.create(CATEGORY, {"name": f"Elsewhere {ann}"})
    same_name = merchant.create(CATEGORY, {"name": "CODE-9", "parent": elsewhere[0]})
    merchant.write(PARTY, merchant.ids(ann), categories=[["add", same_name]])

    assert end(ann, code="CODE-9") is Result.ALREADY_REMOVED
    assert merchant.codes([ann]) == {ann: {"CODE-1", "CODE-2", "CODE-9"}}


def test_an_identifier_of_a_type_is_nobodys_shop_id(end, merchant, ann):
    number = "536904399"
    merchant.put(("Bob", [number], None, ["CODE-1"]))
    rows = merchant.search_read("party.identifier", [["code", "=", number]], "code")
    merchant.write("party.identifier", [rows[0]["id"]], type="us_ssn")

    assert end(f"{ann}0", source_id=number) is Result.CONTACT_NOT_FOUND


def test_who_was_archived_holds_no_code_either(end, merchant, ann):
    merchant.write(PARTY, merchant.ids(ann), active=False)

    assert end(ann) is Result.REMOVED
    assert merchant.codes([ann]) == {ann: {"CODE-2"}}


def test_two_unassignments_of_one_party_are_one_write(adapter, merchant, unassignment, ann):
    before = len(merchant.proxy.calls)
    about = [
        unassignment(f"rh_{number}", customer_id=ann, source_id=None, code=code)
        for number, code in enumerate(["CODE-1", "CODE-2", "CODE-2"])
    ]

    results = [outcome.result for outcome in adapter.unassign(about)]

    assert results == [Result.REMOVED, Result.REMOVED, Result.ALREADY_REMOVED]
    assert merchant.codes([ann]) == {ann: set()}
    assert len(merchant.proxy.calls) - before == 3


def test_what_was_written_before_the_key_was_refused_is_told(adapter, merchant, unassignment, ann):
    others = [f"{ann}-{number}" for number in range(AT_ONCE)]
    merchant.put(*[("Bob", [who], None, ["CODE-1"]) for who in others])
    people = [*others, ann]
    about = [
        unassignment(f"rh_{who}", customer_id=who, source_id=None, code="CODE-1") for who in people
    ]
    written = []

    def refuse_after_a_write(call, passed):
        if written:
            return 401, b""
        written.extend([call] if call["method"].endswith("write") else [])
        return passed()

    with merchant.proxy.striking(refuse_after_a_write):
        results = [outcome.result for outcome in adapter.unassign(about)]
        with pytest.raises(CredentialsRefusedError, match="TRYTON_PASSWORD"):
            adapter.unassign(about[-1:])

    assert results == [*[Result.REMOVED] * AT_ONCE, Result.RETRY]
    assert merchant.codes(people) == {who: set() for who in others} | {ann: {"CODE-1", "CODE-2"}}


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b"[]", b"null", b'{"id": 1}'])
def test_what_is_no_answer_of_trytons_is_tried_again(merchant, end, ann, body):
    def welcome(call, passed):
        return (200, body) if call["method"].endswith("search_read") else passed()

    with merchant.proxy.striking(welcome):
        assert end(ann) is Result.RETRY


def test_a_missing_setting_is_named_and_no_value_is_told():
    with pytest.raises(TellUserError, match="TRYTON_DATABASE, TRYTON_PASSWORD: missing") as told:
        TrytonAdapter.from_env({"TRYTON_URL": "https://tryton.example", "TRYTON_USER": "me"})
    assert "tryton.example" not in str(told.value)


def test_a_password_in_the_address_is_refused():
    settings = dict.fromkeys(("TRYTON_DATABASE", "TRYTON_USER", "TRYTON_PASSWORD"), "x")
    with pytest.raises(TellUserError, match="TRYTON_URL: write the address alone") as told:
        TrytonAdapter.from_env(settings | {"TRYTON_URL": "https://me:secret@tryton.example"})
    assert "secret" not in str(told.value)
