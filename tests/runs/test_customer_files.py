"""A person's file of customers, whatever is in it: asked as it says, or told what is wrong."""

import socket
from collections import Counter
from contextlib import closing

import pytest

TOO_MANY_LINES = 1_000_000


@pytest.fixture
def asking(proxied):
    """Do a run over a file of these bytes; give how it ended and whose activity was asked for."""
    shop, proxy = proxied(customers=20)

    def run(content, *arguments, **settings):
        (shop.home / "ids").write_bytes(content)
        proxy.log.clear()
        result = shop.run("--customers", "file:ids", *arguments, **settings)
        targets = [call.target for call in proxy.log if call.path != "/v1/customers"]
        return result, targets

    run.shop = shop
    run.people = [each.customer_id for each in shop.world.customers][:3]
    return run


def asked(targets):
    return Counter(target.split("/")[3] for target in targets if "starting_after_id" not in target)


WRITTEN = {
    "one per line": lambda ids: "\n".join(ids).encode(),
    "byte order mark": lambda ids: b"\xef\xbb\xbf" + "\n".join(ids).encode(),
    "Windows line ends": lambda ids: "\r\n".join([*ids, ""]).encode(),
    "old Mac line ends": lambda ids: "\r".join(ids).encode(),
    "empty lines and spaces": lambda ids: "\n\n \n\t".join(ids).encode(),
    "quotes": lambda ids: "\n".join(f'"{each}"' for each in ids).encode(),
    "duplicates": lambda ids: "\n".join(ids * 7).encode(),
    "a column of a CSV": lambda ids: (
        b"name,customer_id\r\n" + "".join(f'"Ann, of\nYork",{each}\r\n' for each in ids).encode()
    ),
}


def test_each_customer_of_a_file_is_asked_once_however_it_is_written(asking):
    for way, written in WRITTEN.items():
        result, targets = asking(written(asking.people))

        assert result.code in (0, 65), way
        assert result.json["customers"]["asked"] == result.json["customers"]["selected"] == 3, way
        assert asked(targets) == dict.fromkeys(asking.people, 1), way


REFUSED = {
    "UTF-16": "cust_1\ncust_2\n".encode("utf-16"),
    "UTF-16 without a mark": "cust_1\ncust_2\n".encode("utf-16-be"),
    "a NUL": b"cust_1\ncust\0_2\n",
    "invalid UTF-8": b"cust_1\n\xff\xfe\xfa\n",
    "Latin-2": "cust_1\nżółć\n".encode("iso-8859-2"),
    "a very long line": b"cust_1\n" + b"x" * 5_000_000,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50,
    "an open quote": b'cust_1\n"cust_2\ncust_3\n',
    "no column of ids": b"email,name\nann@example.com,Ann\n",
    "semicolons": b"customer_id;name\ncust_1;Ann\n",
}


def test_a_file_of_another_kind_is_refused_by_name_and_asks_nobody(asking):
    for kind, content in REFUSED.items():
        result, targets = asking(content)

        assert (result.code, targets) == (78, []), kind
        assert str(asking.shop.home / "ids") in result.err, kind
        assert "save it as one" in result.err or "give one id per line" in result.err, kind
        assert "Traceback" not in result.err, kind
        assert "ann@example.com" not in result.err, kind
        assert len(result.err) < 400, kind
    assert asking.shop.ledger("SELECT count(*) FROM customers") == [(0,)]


def test_a_file_that_names_nobody_asks_nobody_and_says_so(asking):
    for content in (b"", b"\n \r\n\n", b"\xef\xbb\xbf", b"customer_id\n"):
        result, targets = asking(content)

        assert (result.code, targets) == (0, []), content
        assert "names no customer, so none is asked" in result.err, content


def test_what_is_no_file_is_told_before_any_call(shop, monkeypatch):
    monkeypatch.chdir(shop.home)  # a socket's name has to be short
    (shop.home / "folder").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("socket")
        for name in ("folder", "socket", "missing", "missing/ids", "x" * 300):
            result, calls = shop.calls_of(lambda name=name: shop.run("--customers", f"file:{name}"))

            assert (result.code, calls) == (78, 0), name
            assert "a file that this user may read" in result.err, name
            assert "Traceback" not in result.err, name
            assert str(shop.home / name).replace("\0", "\\x00") in result.err, name


STRANGE = [
    "a b",
    "a/b",
    "../vouchers",
    "..",
    ".",
    "%2e%2e",
    "%2F",
    "a?limit=1",
    "a#b",
    "a&b=c",
    "//evil.example/x",
    "https://evil.example/",
    "@evil.example",
    "żółć",
    "\u202egnp",
    "a\\b",
    "a;b",
    "cust_1%00",
    "😀",
]


def test_no_id_leads_anywhere_but_to_the_activity_of_that_id(asking):
    result, targets = asking(("id\n" + "\n".join(STRANGE)).encode())

    assert result.code == 69
    assert "Traceback" not in result.err
    paths = {target.partition("?")[0] for target in targets}
    assert len(paths) == len(STRANGE) - 2  # an address can't hold those of dots only
    for path in paths:
        before, customer, after = path.removeprefix("/v1/").split("/")
        assert (before, after) == ("customers", "activity")
        assert set(customer) <= SAFE, path
        assert not {customer, customer.lower().replace("%2e", ".")} & {".", ".."}
    assert result.json["customers"]["failed"] == len(STRANGE)
    assert result.json["customers"]["gone"] == 0


SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")


def test_a_file_with_more_lines_than_calls_is_parked_and_gone_on_with(asking, long, tell):
    lines = TOO_MANY_LINES if long else 10_000
    ids = (f"cust_{number}" for number in range(lines))
    content = "\n".join([*asking.people, *ids, *asking.people]).encode()

    result, _ = asking(content, VOUCHERIFY_CALLS_PER_CYCLE="66")  # three a day

    assert (result.code, result.json["parked_by"]) == (75, "budget")
    assert result.json["customers"]["selected"] == lines + 3
    # Two of three calls went to ids that Voucherify never knew; nothing of those is kept.
    assert asking.shop.ledger("SELECT count(*) FROM customers") == [(lines + 1,)]
    tell(f"{lines + 6} lines of customers")
