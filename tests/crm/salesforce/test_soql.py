"""Queries of Salesforce's, and ids in two lengths."""

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm.salesforce.soql import LONGEST_QUERY, in_queries, long_id, query

SHORT, LONG = "0035f00000A1b2C", "0035f00000A1b2CAKF"
IDS = st.from_regex(r"[A-Za-z0-9]{15}", fullmatch=True)


def checksum(short):
    """The documented way, written once more: five bits, the first letter's is the least."""
    parts = [short[0:5], short[5:10], short[10:15]]
    bits = ["".join("1" if c.isupper() else "0" for c in reversed(part)) for part in parts]
    return "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[int(each, 2)] for each in bits)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("000000000000000", "000000000000000AAA"),
        ("AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA555"),
    ],
)
def test_a_short_id_gets_the_checksum_of_its_capitals(short, long):
    assert long_id(short) == long
    assert long_id(long) == long


@given(IDS)
def test_both_forms_are_one_id_and_the_long_one_has_no_case(short):
    long = short + checksum(short)

    assert long_id(short) == long_id(long) == long
    assert long_id(long.lower()) == long_id(long.upper()) == long


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop-7",
        "0035f00000A1b2CBAA",
        "0035f00000A1b2C999",
        "0035f00000A1b2",
        "ä" * 15,
        f"{LONG} ",
    ],
)
def test_what_is_no_id_is_none(text):
    assert long_id(text) is None


def test_a_query_asks_for_each_field_once_and_for_the_id_always():
    asked = query("Contact", ["Code__c", "id", "code__C"], "Email", ["a@b.c"])

    assert asked == "SELECT id,code__C FROM Contact WHERE Email IN ('a@b.c')"


def test_quotes_and_backslashes_stay_inside_of_a_value():
    asked = query("Contact", [], "Name", ["O'Hara", 'say "hi"', "back\\", "') OR (Id != '"])

    values = asked.partition(" IN ")[2]
    assert values == r"""('O\'Hara','say \"hi\"','back\\','\') OR (Id != \'')"""


@given(st.lists(st.text(max_size=300), max_size=60))
def test_every_query_is_short_enough_and_none_is_asked_twice(values):
    parts = list(in_queries("Contact", ["Code__c"], "Shop_Id__c", values))

    asked = [value for part in parts for value in part]
    sizes = [len(quote_plus(query("Contact", ["Code__c"], "Shop_Id__c", part))) for part in parts]
    assert max(sizes, default=0) <= LONGEST_QUERY + 9
    assert asked == [value for value in values if value in asked]
    left_out = set(values) - set(asked)
    assert all(
        len(value) > 255 or any(ord(c) < 32 or ord(c) == 127 for c in value) for value in left_out
    )


def test_two_hundred_ordinary_values_are_one_query():
    ids = [f"rh_{number:024x}" for number in range(401)]

    sizes = [len(part) for part in in_queries("Contact", ["Code__c"], "Holder_Id__c", ids)]

    assert sizes == [200, 200, 1]


def test_long_values_are_asked_for_in_more_queries():
    values = [f"{number:03d}{'ü' * 200}" for number in range(200)]

    parts = list(in_queries("Contact", ["LastName"], "Shop_Id__c", values))

    assert [value for part in parts for value in part] == values
    sizes = [len(quote_plus(query("Contact", ["LastName"], "Shop_Id__c", part))) for part in parts]
    assert LONGEST_QUERY * 0.8 < max(sizes) <= LONGEST_QUERY
