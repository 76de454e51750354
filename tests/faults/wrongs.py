"""What can go wrong with one answer, by name; and what the tool has to make of it.

A fault is given the call, the playground's answer, the tool's end of the connection, and the answer
to the call before of the same list; it gives the answer to send, or None if it has sent something
else itself.
"""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

from tests.faults.proxy import ACTIVITY_FIRST, ACTIVITY_FURTHER, CALLS, LIST_FIRST, LIST_FURTHER

DRIP = 0.02
"""Seconds between two bytes of a slow drip; less than any time-out, so that none is met."""
LARGE = 50 * 1024 * 1024
NOISE = random.Random(1).randbytes(4_000)
FAR = "2099-01-01T00:00:00.000Z"
SEED = 1
"""Of the sample that the short form plays."""
RATE_HEADERS = ("Retry-After", "X-Rate-Limit-Retry", "X-Rate-Limit-Type", "X-Rate-Limit-Limit")
HTML = b"<!doctype html><html><body><h1>Please sign in</h1></body></html>"


def reset(_call, _answer, client, _before):
    client.reset()


def hang_up(_call, _answer, client, _before):
    client.hang_up()


def stall(_call, _answer, client, _before):
    client.hold()


def drip_head(_call, answer, client, _before):
    client.drip(answer.head() + answer.body, DRIP)


def drip_body(_call, answer, client, _before):
    client.send(answer.head())
    client.drip(answer.body, DRIP)


def drip_chunks(_call, answer, client, _before):
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    head = replace(answer, headers=headers | {"Transfer-Encoding": "chunked"}).head()
    client.send(head.replace(b"Content-Length", b"X-Length"))
    # A chunk's length may have zeros in front and an extension behind: an endless line.
    client.drip(b"0" * 60_000, DRIP)


def truncated(_call, answer, client, _before):
    client.send(answer.head() + answer.body[: len(answer.body) // 2])
    client.hang_up()


def length_too_long(_call, answer, client, _before):
    client.send(answer.head(len(answer.body) + 7) + answer.body)
    client.hold()


def length_too_short(_call, answer, client, _before):
    client.send(answer.head(len(answer.body) - 7) + answer.body)


def no_http(_call, _answer, client, _before):
    client.send(b"220 mail.example.test ESMTP\r\n")
    client.hang_up()


def html(_call, answer, _client, _before):
    headers = answer.headers | {"Content-Type": "text/html"}
    return replace(answer, status=200, headers=headers, body=HTML)


def invalid_utf8(_call, answer, _client, _before):
    return replace(answer, body=answer.body[:-1] + b',"told":"\xff\xfe"}')


def another_shape(_call, answer, _client, _before):
    return replace(answer, body=b'{"object":"list","items":[],"next":null}')


def empty(_call, answer, _client, _before):
    return replace(answer, body=b"")


def same_page_again(_call, answer, _client, before):
    """The page before; where there is none, each row twice."""
    if before is not None:
        return replace(answer, body=before.body)
    return _changed(answer, lambda rows: [row for row in rows for _ in range(2)])


def cursor_repeats(call, answer, _client, _before):
    """The way to the next page leads back: to this page, or to a row that was seen."""
    fields = json.loads(answer.body)
    if "customers" in fields:
        oldest = fields["customers"][0]["created_at"]
        return _changed(answer, lambda rows: [row | {"created_at": oldest} for row in rows])
    place = call.query.get("starting_after_id") or next(iter(fields["data"]), {}).get("id")
    if place is None:
        return answer
    fields |= {"has_more": True, "more_starting_after": place}
    return replace(answer, body=json.dumps(fields).encode())


def future_row(_call, answer, _client, _before):
    """The last row is dated in the future; on an activity, one more row of another type."""

    def postdated(rows):
        if rows and rows[-1].get("object") == "customer":
            return [*rows[:-1], rows[-1] | {"created_at": FAR}]
        return [*rows, {"id": "evcus_far", "type": "customer.updated", "created_at": FAR}]

    return _changed(answer, postdated)


def future_date(_call, answer, _client, _before):
    return _dated(answer, timedelta(days=400))


def past_date(_call, answer, _client, _before):
    return _dated(answer, timedelta(hours=-3))


def no_date(_call, answer, _client, _before):
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    return replace(answer, headers=headers)


def status(code, **headers):
    """An error of Voucherify's own making, without any rate header but these."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"code": code, "key": "told", "message": "told", "details": "told"}).encode()

    def strike(_call, answer, _client, _before):
        kept = {name: text for name, text in answer.headers.items() if name not in RATE_HEADERS}
        return replace(answer, status=code, headers=kept | told, body=body)

    return strike


def not_found_elsewhere(_call, answer, _client, _before):
    headers = answer.headers | {"Content-Type": "text/html"}
    return replace(answer, status=404, headers=headers, body=HTML)


def large(_call, answer, _client, _before):
    return replace(answer, body=answer.body + b" " * (LARGE - len(answer.body)))


def no_gzip(_call, answer, _client, _before):
    return replace(answer, headers=answer.headers | {"Content-Encoding": "gzip"}, body=NOISE)


def bomb(_call, answer, _client, _before):
    headers = answer.headers | {"Content-Encoding": "gzip"}
    return replace(answer, headers=headers, body=BOMB)


def bomb_in_a_bomb(_call, answer, _client, _before):
    headers = answer.headers | {"Content-Encoding": "gzip, gzip"}
    return replace(answer, headers=headers, body=gzip.compress(BOMB))


def redirect(call, answer, client, _before):
    elsewhere = f"http://localhost:{client.port_elsewhere}{call.target}"
    return replace(answer, status=302, headers=answer.headers | {"Location": elsewhere}, body=b"")


BOMB = gzip.compress(b" " * LARGE)


AGAIN = dict.fromkeys(CALLS, ("69 left", "0 again"))
PARKED = dict.fromkeys(CALLS, ("75 parked", "75 parked"))
HARMLESS = dict.fromkeys(CALLS, ("0", "0"))
REFUSED = {
    LIST_FIRST: ("69 left", "69 left"),
    LIST_FURTHER: ("69 left", "69 left"),
    ACTIVITY_FIRST: ("70 ended", "69 failed"),
    ACTIVITY_FURTHER: ("69 failed", "69 failed"),
}
SAME_CURSOR = HARMLESS | {ACTIVITY_FURTHER: ("69 failed", "69 failed")}
SAME_PAGE = SAME_CURSOR | {LIST_FURTHER: ("69 left", "69 left")}


@dataclass(frozen=True)
class Wrong:
    """A fault, and how a run must end: while it stands, and when it comes once, by kind of call.

    `takes_time` tells that the tool has to wait until a time-out.
    """

    name: str
    strike: Callable
    ends: Mapping
    takes_time: bool = False


WRONGS = (
    Wrong("connection reset before any byte", reset, AGAIN),
    Wrong("connection closed before any byte", hang_up, AGAIN),
    Wrong("no answer at all", stall, AGAIN, takes_time=True),
    Wrong("a head that drips, byte by byte", drip_head, AGAIN, takes_time=True),
    Wrong("a body that drips, byte by byte", drip_body, AGAIN, takes_time=True),
    Wrong("a chunk length that drips without end", drip_chunks, AGAIN, takes_time=True),
    Wrong("half of the body, then the end", truncated, AGAIN),
    Wrong("`Content-Length` too long", length_too_long, AGAIN, takes_time=True),
    Wrong("`Content-Length` too short", length_too_short, AGAIN),
    Wrong("something that is no HTTP", no_http, AGAIN),
    Wrong("200 with HTML", html, AGAIN),
    Wrong("200 with invalid UTF-8", invalid_utf8, AGAIN),
    Wrong("200 with an empty body", empty, AGAIN),
    Wrong("200 without a `Date`", no_date, AGAIN),
    Wrong("200 with 50 MB", large, AGAIN),
    Wrong("200 with garbage for gzip", no_gzip, AGAIN),
    Wrong("200 with 50 MB in 50 kB of gzip", bomb, AGAIN),
    Wrong("200 with gzip in gzip, 50 MB in the end", bomb_in_a_bomb, AGAIN),
    Wrong("500", status(500), AGAIN),
    Wrong("502", status(502), AGAIN),
    Wrong("503", status(503), AGAIN),
    Wrong("504", status(504), AGAIN),
    Wrong("429, `Retry-After: 2`", status(429, Retry_After="2"), AGAIN),
    Wrong("429 without `Retry-After`", status(429), AGAIN),
    Wrong("429, `Retry-After: 1800`", status(429, Retry_After="1800"), PARKED),
    Wrong("200 with JSON of another shape", another_shape, REFUSED),
    Wrong("404 with HTML", not_found_elsewhere, REFUSED),
    Wrong("a redirect to another host", redirect, REFUSED),
    Wrong("the same page again", same_page_again, SAME_PAGE),
    Wrong("a cursor that repeats", cursor_repeats, SAME_CURSOR),
    Wrong("`Date` 400 days in the future", future_date, HARMLESS),
    Wrong("`Date` 3 hours in the past", past_date, HARMLESS),
    Wrong("a row dated in the future", future_row, HARMLESS),
)


def cells_to_play(*, long):
    """Give all cells, or of each fault two: one that stands, and one that comes once."""
    if long:
        return [(wrong, call, once) for wrong in WRONGS for call in CALLS for once in (False, True)]
    dice = random.Random(SEED)
    sample = [(wrong, *dice.sample(CALLS, 2)) for wrong in WRONGS]
    stands = [(wrong, first, False) for wrong, first, _ in sample]
    return stands + [(wrong, second, True) for wrong, _, second in sample]


def _changed(answer, change):
    fields = json.loads(answer.body)
    name = "customers" if "customers" in fields else "data"
    return replace(answer, body=json.dumps(fields | {name: change(fields[name])}).encode())


def _dated(answer, shift):
    moved = parsedate_to_datetime(answer.headers["Date"]) + shift
    return replace(answer, headers=answer.headers | {"Date": format_datetime(moved, usegmt=True)})
