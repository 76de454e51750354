"""Each attempt is given its time before it is sent; and what is counted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import responses

from sync.errors import ParkError, RetryError, UnavailableError
from sync.transport import CallCount

URL = "https://api.example.test/v1/customers"
PARKED = ParkError("later", by="rate")


@pytest.fixture
def answered():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        http.add("GET", URL, body="good")
        yield http


BUSY = RetryError("busy", after=1.0)


def refuse(_answer):
    raise BUSY


def refuse_429(answer):
    if answer.status == 429:
        raise BUSY
    return answer


def test_calls_keep_their_distance(answered, transport, judge, pacer):
    pacer.interval = 1.5
    calls = transport()

    for _ in range(4):
        calls.get(URL, [], judge)

    assert pacer.waits == [1.5, 1.5, 1.5]
    assert len(answered.calls) == 4


def test_after_a_wait_the_pacer_is_asked_again(answered, transport, judge, pacer):
    pacer.starts = [2.0, 3.0, 0.5, 0]

    transport().get(URL, [], judge)

    assert pacer.waits == [2.0, 3.0, 0.5]
    assert len(answered.calls) == 1


@pytest.mark.parametrize("waits", [[], [2.0], [2.0, 1.0]])
def test_a_pacer_that_parks_stops_the_call_before_it_is_sent(
    answered, transport, judge, pacer, waits
):
    pacer.starts = [*waits, PARKED]
    calls = transport()

    with pytest.raises(ParkError):
        calls.get(URL, [], judge)

    assert pacer.waits == waits
    assert pacer.ends == [False]
    assert len(answered.calls) == 0
    assert calls.count == CallCount()


def test_a_call_that_got_no_slot_is_not_ended(answered, transport, judge, pacer, monkeypatch):
    def park():
        raise PARKED

    monkeypatch.setattr(pacer, "reserve", park)

    with pytest.raises(ParkError):
        transport().get(URL, [], judge)

    assert pacer.ends == []
    assert len(answered.calls) == 0


def test_each_attempt_is_counted_and_ended(answered, transport, pacer):
    with pytest.raises(UnavailableError):
        transport(attempts=3).get(URL, [], refuse)

    assert pacer.reserved == 3
    assert pacer.ends == [True, True, True]
    assert len(answered.calls) == 3


def test_a_retry_may_be_parked(answered, transport, pacer):
    pacer.starts = [0, PARKED]
    calls = transport()

    with pytest.raises(ParkError):
        calls.get(URL, [], refuse)

    assert pacer.ends == [True, False]
    assert len(answered.calls) == 1
    assert calls.count == CallCount(made=1)


def test_a_call_is_ended_when_no_answer_came(transport, judge, pacer):
    with responses.RequestsMock() as http:
        http.add("GET", URL, body=ConnectionResetError())
        calls = transport(attempts=1)
        with pytest.raises(UnavailableError):
            calls.get(URL, [], judge)

    assert pacer.ends == [True]
    assert calls.count == CallCount(made=1)


def test_retries_and_refusals_by_rate_are_counted(transport, judge):
    with responses.RequestsMock() as http:
        http.add("GET", URL, status=429)
        http.add("GET", URL, status=429)
        http.add("GET", URL, body="good")
        http.add("GET", URL, body="good")
        calls = transport()
        calls.get(URL, [], refuse_429)
        calls.get(URL, [], judge)

    assert calls.count == CallCount(made=4, retried=2, throttled=2)


def test_the_count_is_exact_whatever_the_threads_do(transport, pacer):
    with responses.RequestsMock() as http:
        for _ in range(20):
            http.add("GET", URL, status=429)
        http.add("GET", URL, body="good")
        calls = transport(attempts=50, total=1e9)
        with ThreadPoolExecutor(6) as threads:
            answers = [threads.submit(calls.get, URL, [], refuse_429) for _ in range(60)]
        assert [each.result().status for each in answers] == [200] * 60

    assert calls.count == CallCount(made=80, retried=20, throttled=20)
    assert pacer.reserved == 80
    assert pacer.ends == [True] * 80
