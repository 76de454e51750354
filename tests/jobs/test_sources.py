"""Customer ids from a person's file."""

import io
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import TellUserError
from sync.jobs.sources import BATCH, CUSTOMER_COLUMNS, LONGEST_ID, batches, read_ids

NO_COLUMN = (
    r"ids\.csv: the first line names no column customer_id or id; give one id per line, or a CSV "
    "with commas"
)


def read(text):
    return list(read_ids(io.StringIO(text, newline=""), "ids.csv", CUSTOMER_COLUMNS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n  \n", []),
        ("cust_1", ["cust_1"]),
        ("cust_1\ncust_2\n", ["cust_1", "cust_2"]),
        ("cust_1\r\ncust_2\r\n", ["cust_1", "cust_2"]),
        ("\n  cust_1  \n\n\tcust_2\n\n", ["cust_1", "cust_2"]),
        ('"cust_1"\n"cust_2"\n', ["cust_1", "cust_2"]),
        ("\ufeffcust_1\ncust_2\n", ["cust_1", "cust_2"]),
        ('\ufeff"customer_id"\ncust_1\n', ["cust_1"]),
        ("customer_id\ncust_1\n", ["cust_1"]),
        ("ID\ncust_1\n", ["cust_1"]),
        ("name,Customer_Id\nAnn,cust_1\nBob,cust_2\n", ["cust_1", "cust_2"]),
        ("id,customer_id\nx,cust_1\n", ["cust_1"]),
        ('id,name\ncust_1,"Ann, of\nYork"\ncust_2,Bob\n', ["cust_1", "cust_2"]),
        ("name,id\nAnn\n,\nBob,\nCid,cust_1\n", ["cust_1"]),
        ("Customer ID,Name\ncust_1,Ann\n", ["cust_1"]),
        ("Name,customer id\nAnn,cust_1\n", ["cust_1"]),
        ("Customer ID\ncust_1\n", ["cust_1"]),
        ("cust_1\ncust_1\n", ["cust_1", "cust_1"]),
        ("cust_1\ncust;2\n", ["cust_1", "cust;2"]),
        ("cust_1\n\ufeffcust_2\n", ["cust_1", "cust_2"]),
        ('id\n"a ""b"" c"\n', ['a "b" c']),
        ("id,id\ncust_1,cust_2\n", ["cust_1"]),
        ("id\n..\na/b\n%2F\nżółć\n", ["..", "a/b", "%2F", "żółć"]),
        ("id\n" + "x" * LONGEST_ID, ["x" * LONGEST_ID]),
        ("cust_1,ann@example.com\n", None),
        ("email,phone\na,b\n", None),
        ("customer_id;name\ncust_1;Ann\n", None),
        ("customer_id\tname\ncust_1\tAnn\n", None),
        ("customer_id|name\ncust_1|Ann\n", None),
        ("cust_1;cust_2\n", None),
        ("email\nann@example.com\n", None),
        ("Source ID\nshop-7\n", None),
    ],
)
def test_ids_are_read_from_lines_or_a_column(text, expected):
    if expected is None:
        with pytest.raises(TellUserError, match=NO_COLUMN):
            read(text)
    else:
        assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cust_1\nc\0u\0s\0t\0_\0002\n",
        "id\ncust_1\n\0\n",
        "\0" * 100,
        "cust_1\ncust_2\tBob\n",
        "cust_1\ncust\x7f2\n",
        "cust_1\n" + "x" * (LONGEST_ID + 1),
        "cust_1\n" + "x" * 200_000,
        "x" * 200_000,
    ],
)
def test_a_file_of_another_kind_is_told_with_the_line_and_what_to_do(text):
    with pytest.raises(TellUserError, match=r"ids\.csv, near line \d+: .* save it as one") as told:
        read(text)

    assert len(str(told.value)) < 200
    assert "line 0" not in str(told.value)


def test_an_open_quote_is_told_and_not_taken_for_an_id():
    with pytest.raises(TellUserError, match=r"ids\.csv, near line"):
        read('cust_1\n"cust_2\ncust_3\n')


@pytest.mark.parametrize(
    "content",
    [
        b"cust_1\n\xff\xfe\n",
        "cust_1\ncust_2\n".encode("utf-16"),
        "cust_1\ncust_2\n".encode("utf-16-le"),
        "cust_1\ncust_2\n".encode("utf-32"),
        "id\nżółć\n".encode("iso-8859-2"),
        b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)),
    ],
)
def test_what_is_not_text_is_told(content):
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")

    with pytest.raises(TellUserError, match=r"near line [1-9]: not a text file in UTF-8"):
        list(read_ids(lines, "ids.csv", CUSTOMER_COLUMNS))


def test_a_column_that_is_missing_is_not_told_with_its_content():
    with pytest.raises(TellUserError) as told:
        read("cust_1,ann@example.com\n")

    assert "ann@example.com" not in str(told.value)


def test_a_long_file_is_read_as_a_stream():
    taken = 0

    def lines():
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield f"cust_{number}\n"

    ids = read_ids(lines(), "ids.csv", CUSTOMER_COLUMNS)
    assert list(islice(ids, 3)) == ["cust_0", "cust_1", "cust_2"]
    assert taken < 10

    assert sum(1 for _ in ids) == 100_000 - 3


@given(st.lists(st.from_regex(r"cust_[A-Za-z0-9]{1,12}", fullmatch=True), max_size=30))
def test_ids_come_back_as_they_were_written(ids):
    assert read("\n".join(ids)) == ids


def test_batches_hold_everybody_once_and_in_order():
    ids = [f"cust_{number}" for number in range(2 * BATCH + 1)]

    found = list(batches(ids))

    assert [len(batch) for batch in found] == [BATCH, BATCH, 1]
    assert [each for batch in found for each in batch] == ids
    assert list(batches([])) == []
