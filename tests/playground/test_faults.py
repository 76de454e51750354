"""The fault script: its grammar, and what a client sees."""

import time

import pytest
import requests

from sync.playground.faults import Fault, FaultScript, parse_faults


def _strikes(script, paths):
    faults = FaultScript(parse_faults(script))
    return [fault.kind if (fault := faults.next(path)) else None for path in paths]


def test_a_count_strikes_one_call_a_span_several_and_a_star_all():
    assert _strikes("2 reset", "abc") == [None, "reset", None]
    assert _strikes("2-3 close", "abcd") == [None, "close", "close", None]
    assert _strikes("2- html", "abc") == [None, "html", "html"]
    assert _strikes("* truncate", "ab") == ["truncate", "truncate"]


def test_a_path_counts_only_its_own_calls():
    paths = ["/v1/customers", "/v1/customers/x/activity", "/v1/customers", "/v1/y/activity"]

    assert _strikes("path:/activity 2 reset", paths) == [None, None, None, "reset"]


def test_the_first_rule_that_fits_wins():
    assert _strikes("1 reset\n1-2 close", "ab") == ["reset", "close"]


def test_comments_and_blank_lines_say_nothing():
    assert parse_faults("# all is well\n\n   # really\n") == ()


def test_a_status_may_bring_its_headers_and_key():
    (rule,) = parse_faults("1 status 429 retry-after=7 key=slow_down type=api_calls  # hm")

    assert rule.fault == Fault(
        "status", status=429, retry_after="7", key="slow_down", limit_type="api_calls"
    )


@pytest.mark.parametrize(
    "line",
    [
        "reset",
        "0 reset",
        "5-3 reset",
        "x reset",
        "1 explode",
        "1 reset now",
        "1 status",
        "1 status 200",
        "1 status abc",
        "1 status 500 retry=1",
        "1 status 500 key=",
        "1 delay",
        "1 delay soon",
        "1 delay -1",
        "1 delay nan",
        "1 delay inf",
        "path:/x",
    ],
)
def test_a_mistake_is_named_by_its_line(line):
    with pytest.raises(ValueError, match=r"line 3 \('") as caught:
        parse_faults(f"1 reset\n\n{line}\n")

    assert repr(line) in str(caught.value)


def test_a_scripted_status_looks_like_the_vendors_error(start):
    client = start(faults="2 status 503\n3 status 429 retry-after=1 type=api_calls")

    answers = [client.get("/v1/customers") for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 503, 429, 200]
    assert answers[1].json()["key"] == "service_unavailable"
    assert "Retry-After" not in answers[1].headers
    assert answers[2].headers["Retry-After"] == "1"
    assert answers[2].headers["X-Rate-Limit-Type"] == "api_calls"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", requests.ConnectionError),
        ("close", requests.ConnectionError),
        ("truncate", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_a_broken_connection_breaks_one_call_only(start, fault, error):
    client = start(faults=f"2 {fault}")

    client.get("/v1/customers")
    with pytest.raises(error):
        client.get("/v1/customers")

    assert client.get("/v1/customers").status_code == 200
    assert client.playground.counters().total == 3


def test_a_reset_is_a_reset_and_a_close_is_not(start):
    client = start(faults="1 reset\n2 close")

    with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
        client.get("/v1/customers")
    with pytest.raises(requests.ConnectionError, match="RemoteDisconnected"):
        client.get("/v1/customers")


def test_html_and_bad_json_come_with_200(start):
    client = start(faults="1 html\n2 bad-json")

    html, bad = client.get("/v1/customers"), client.get("/v1/customers")

    assert (html.status_code, bad.status_code) == (200, 200)
    assert html.headers["Content-Type"].startswith("text/html")
    assert html.text.startswith("<!doctype html>")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        bad.json()


def test_a_delay_is_late_and_whole(start):
    client = start(faults="1 delay 0.1")

    begun = time.monotonic()
    answer = client.get("/v1/customers")

    assert time.monotonic() - begun >= 0.1
    assert len(answer.json()["customers"]) == 3


def test_latency_makes_every_answer_late(start):
    client = start(latency=0.05)

    begun = time.monotonic()
    client.get("/v1/customers")
    client.get("/v1/customers")

    assert time.monotonic() - begun >= 0.1


def test_a_new_script_counts_anew_and_a_wrong_one_changes_nothing(start):
    client = start(faults="2 status 500")

    client.get("/v1/customers")
    with pytest.raises(ValueError, match="line 1"):
        client.playground.set_faults("nonsense")
    assert client.get("/v1/customers").status_code == 500

    client.playground.set_faults("1 status 502")
    assert client.get("/v1/customers").status_code == 502
    client.playground.set_faults("")
    assert client.get("/v1/customers").status_code == 200


def test_a_struck_call_is_spent_all_the_same(start):
    client = start(faults="1 status 500\n2 status 500", rate_limit=(2, "hour"))

    statuses = [client.get("/v1/customers").status_code for _ in range(3)]

    assert statuses == [500, 500, 429]
