"""Times at the ends of the calendar in Voucherify's answers: nothing breaks, nothing stays."""

import json
from dataclasses import replace

import pytest

ENDS = ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999999Z"]
DATES = ["Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 9999 23:59:59 GMT", "01 Jan 0100 00:00:00"]


def dated(answer, instant):
    """The answer, with another creation time of every row."""
    body = json.loads(answer.body)
    for row in body.get("data", []) + body.get("customers", []):
        row["created_at"] = instant
    return replace(answer, body=json.dumps(body).encode())


@pytest.mark.parametrize("instant", ENDS)
def test_rows_dated_at_an_end_of_the_calendar_break_no_later_run(proxied, instant, matches_truth):
    shop, proxy = proxied(customers=6)
    proxy.strike = lambda _call, answer, _client: dated(answer, instant)
    struck = [shop.run(), backfilled(shop)]
    proxy.strike = lambda _call, answer, _client: answer

    after = [shop.run(), shop.run()]

    assert [each.err for each in (*struck, *after) if "Traceback" in each.err] == []
    assert {each.code for each in struck} <= {0, 65, 69, 75}
    assert after[1].code in (0, 65)
    _, missing, unknown = matches_truth(shop)
    in_letters = shop.command("dead-letters", "list", "--json").out
    assert unknown == set()
    assert [each for (_, _, each), _ in missing.values() if each not in in_letters] == []
    if instant < "2000":
        assert missing == {}


def test_an_answer_dated_at_an_end_of_the_calendar_is_no_bug(proxied):
    shop, proxy = proxied(customers=2)
    shop.run()
    waits = {"Retry-After": "99999", "X-Rate-Limit-Retry": "9999999999"}
    for date in DATES:
        for status in (200, 429, 503):
            headers = waits | {"Date": date}
            proxy.strike = lambda _call, answer, _client, status=status, headers=headers: replace(
                answer, status=status, headers=answer.headers | headers
            )

            struck = shop.run()

            assert "Traceback" not in struck.err, (date, status, struck.err)
            assert struck.code in (0, 69, 75), (date, status)


def backfilled(shop):
    return shop.command("backfill", "--from", "0001-01-01", "--to", "2026-01-01", "--json")
