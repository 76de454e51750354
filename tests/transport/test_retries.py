"""Which answers are asked for again, how often, and for how long in all."""

import pytest
import requests
import responses

from sync.errors import CredentialsRefusedError, RetryError, UnavailableError

URL = "https://api.example.test/v1/customers"


class Verdicts:
    """Judges one answer after the other by what is listed: None accepts, an error refuses."""

    def __init__(self, *verdicts):
        self.verdicts = list(verdicts)

    def __call__(self, answer):
        verdict = self.verdicts.pop(0)
        if verdict is not None:
            raise verdict
        return answer


@pytest.fixture
def answered():
    with responses.RequestsMock() as http:
        http.add("GET", URL, body="good")
        yield http


def test_a_good_answer_is_given_as_it_came(answered, transport, judge, pacer):
    answered.replace("GET", URL, body="said", status=418, headers={"X-Told": "yes"})

    answer = transport().get(URL, [("limit", "1")], judge)

    assert (answer.status, answer.body, answer.headers["x-told"]) == (418, b"said", "yes")
    assert answered.calls[0].request.url == f"{URL}?limit=1"
    assert answered.calls[0].request.headers["X-App-Token"] == "secret"
    assert pacer.waits == []


def test_what_the_judge_makes_of_an_answer_is_given(answered, transport):
    assert transport().get(URL, [], lambda answer: answer.body.decode()) == "good"
    assert transport().get(URL, [], lambda _answer: None) is None
    assert len(answered.calls) == 2


def test_what_may_be_better_next_time_is_asked_again_with_growing_delays(
    answered, transport, pacer
):
    answer = transport().get(URL, [], Verdicts(*[RetryError("busy")] * 4, None))

    assert answer.body == b"good"
    assert pacer.waits == [0.375, 0.75, 1.5, 3.0]
    assert len(answered.calls) == 5


def test_the_wait_that_the_server_asks_for_wins(answered, transport, pacer):
    transport().get(URL, [], Verdicts(RetryError("busy", after=7.0), RetryError("busy"), None))

    assert pacer.waits == [7.5, 0.75]
    assert len(answered.calls) == 3


def test_attempts_are_bounded(answered, transport, pacer):
    with pytest.raises(UnavailableError) as given_up:
        transport(attempts=3).get(URL, [], Verdicts(*[RetryError("busy")] * 9))

    assert str(given_up.value) == "busy; given up after 3 attempts, the next run tries again"
    assert len(answered.calls) == 3
    assert len(pacer.waits) == 2


def test_a_wait_that_ends_after_the_total_time_is_not_begun(answered, transport, pacer):
    with pytest.raises(UnavailableError, match="given up after 1 attempts"):
        transport(total=30.0).get(URL, [], Verdicts(RetryError("busy", after=29.9)))

    assert pacer.waits == []
    assert len(answered.calls) == 1


@pytest.fixture
def slow(pacer):
    """Make a judge that fails after so many seconds each time."""

    def make(seconds, *verdicts):
        judge = Verdicts(*verdicts)

        def judge_late(answer):
            pacer.now += seconds
            return judge(answer)

        return judge_late

    return make


def test_the_total_time_counts_all_tries_and_the_waits_between_them(
    answered, transport, pacer, slow
):
    with pytest.raises(UnavailableError, match="given up after 3 attempts"):
        transport(attempts=50, total=35.0, first_delay=1.0).get(
            URL, [], slow(10.0, *[RetryError("busy")] * 50)
        )

    # 30 s in answers, 2.25 s between them, and another 3 s would be too much.
    assert len(answered.calls) == 3
    assert pacer.waits == [0.75, 1.5]


def test_waiting_until_a_try_is_allowed_is_no_time_lost_to_a_fault(
    answered, transport, pacer, slow
):
    pacer.starts = [432.0, 0, 216.0, 216.0, 0, 432.0, 0]

    answer = transport(total=60.0).get(
        URL, [], slow(20.0, RetryError("busy"), RetryError("busy"), None)
    )

    assert answer.body == b"good"
    assert len(answered.calls) == 3
    assert pacer.waits == [432.0, 0.375, 216.0, 216.0, 0.75, 432.0]


def test_however_long_a_try_has_to_wait_the_tries_stay_bounded(answered, transport, pacer):
    pacer.starts = [432.0, 0] * 9

    with pytest.raises(UnavailableError, match="given up after 5 attempts"):
        transport(total=60.0).get(URL, [], Verdicts(*[RetryError("busy")] * 9))

    assert len(answered.calls) == 5
    assert sum(pacer.waits) == 5 * 432.0 + 0.375 + 0.75 + 1.5 + 3.0


def test_any_other_error_ends_the_call_at_once(answered, transport, pacer):
    with pytest.raises(CredentialsRefusedError):
        transport().get(URL, [], Verdicts(CredentialsRefusedError("no")))

    assert len(answered.calls) == 1
    assert pacer.waits == []


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (requests.ConnectTimeout(), "ConnectTimeout"),
        (requests.ReadTimeout(), "ReadTimeout"),
        (requests.ConnectionError("host ann@example.com"), "ConnectionError"),
        (requests.exceptions.ProxyError(), "ProxyError"),
        (requests.exceptions.ChunkedEncodingError(), "ChunkedEncodingError"),
        (ConnectionResetError(), "ConnectionResetError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_no_whole_answer_is_asked_for_again_and_then_left(transport, judge, failure, name):
    with responses.RequestsMock() as http:
        http.add("GET", URL, body=failure)

        with pytest.raises(UnavailableError) as left:
            transport(attempts=2).get(URL, [], judge)

        assert len(http.calls) == 2

    assert str(left.value) == (
        f"no whole answer ({name}); given up after 2 attempts, the next run tries again"
    )


def test_whoever_ends_the_run_in_a_wait_ends_the_call(answered, transport, pacer, monkeypatch):
    class StoppedError(Exception):
        pass

    def stop(_seconds):
        raise StoppedError

    monkeypatch.setattr(pacer, "wait", stop)

    with pytest.raises(StoppedError):
        transport().get(URL, [], Verdicts(RetryError("busy")))

    assert len(answered.calls) == 1
    assert pacer.ends == [True]
