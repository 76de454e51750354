"""Any endpoint as a CRM, over real HTTP on the loopback."""

import json
import threading
import traceback
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sync.crm.adapter import (
    API_VERSION,
    Capability,
    CredentialsRefusedError,
    Outcome,
    Result,
    SizesBatches,
    TellUserError,
)
from sync.crm.http.adapter import PATIENCE, HttpAdapter
from sync.crm.http.envelope import envelope, signed_headers
from tests.tls import Authority, Front

NOW = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
SECRET = "s3cret-s3cret-s3cret"
URL = "https://crm.example.test/unassignments"
REMOVED = Outcome(Result.REMOVED)
NO_CONNECTION = (
    "no whole answer (ConnectionError); given up after 2 attempts, the next run tries again"
)


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _client_address):
        """Some tests hang up."""


class Receiver:
    """Notes what comes, and answers `by(number, body)`: a status, or status, headers and body."""

    def __init__(self):
        self.by = lambda _number, _body: 204
        self.requests = []
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver.connections += 1

            def handle_any(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.command, self.path, self.headers, body))
                told = receiver.by(len(receiver.requests), body)
                status, headers, answer = (told, {}, b"") if isinstance(told, int) else told
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204 and "Content-Length" not in headers:
                    self.send_header("Content-Length", f"{len(answer)}")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_OPTIONS = handle_any  # noqa: N815 - as http.server looks for them

            def log_message(self, *_arguments):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook/s3cret-path?flow=7"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def subjects(self):
        return [json.loads(body)["subject"] for _, _, _, body in self.requests]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def new_receiver():
    started = []

    def start():
        started.append(Receiver())
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def receiver(new_receiver):
    return new_receiver()


@pytest.fixture
def adapter():
    """Make adapters that don't wait between two attempts."""
    made = []

    def make(url, **changes):
        fields = {"now": lambda: NOW, "wait": lambda _seconds: None} | changes
        made.append(HttpAdapter(url, SECRET, **fields))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def batch(unassignment):
    return lambda count: [unassignment(f"rh_{number}") for number in range(1, count + 1)]


def from_env(**env):
    return HttpAdapter.from_env({"HOLDERSYNC_HOME": "/home/shop", **env})


def with_url(url):
    return from_env(CRM_HTTP_URL=url, CRM_HTTP_SECRET=SECRET)


def shown(error):
    """The whole traceback as a log would show it."""
    return "".join(traceback.format_exception(error))


def fails_with(ask, error, match):
    with pytest.raises(error, match=match) as caught:
        ask()
    return caught.value


# What is sent


def test_each_unassignment_is_one_signed_post_of_its_envelope(receiver, adapter, batch):
    assert adapter(receiver.url).unassign(batch(2)) == [REMOVED] * 2

    (method, path, headers, body), second = receiver.requests
    assert (method, path) == ("POST", "/hook/s3cret-path?flow=7")
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == json.loads(body)["id"] == "rh_1:evcus_rh_1"
    assert signed_headers(SECRET, body, NOW).items() <= dict(headers).items()
    assert second[2]["Idempotency-Key"] == "rh_2:evcus_rh_2"


def test_the_body_can_be_announced_as_a_cloud_event(receiver, unassignment):
    ours = from_env(
        CRM_HTTP_URL=receiver.url,
        CRM_HTTP_SECRET=SECRET,
        CRM_HTTP_CONTENT_TYPE=" application/cloudevents+json",
    )
    with closing(ours):
        ours.unassign([unassignment()])

    [(_, _, headers, body)] = receiver.requests
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert body == envelope(unassignment())


def test_a_repeat_sends_the_same_key_and_body(receiver, adapter, batch):
    for _ in range(2):
        adapter(receiver.url).unassign(batch(1))

    first, second = [
        (headers["Idempotency-Key"], body) for _, _, headers, body in receiver.requests
    ]
    assert first == second


def test_one_connection_carries_a_whole_batch(receiver, adapter, batch):
    adapter(receiver.url).unassign(batch(30))

    assert (len(receiver.requests), receiver.connections) == (30, 1)


def test_an_id_that_no_header_can_carry_is_delivered_too(receiver, adapter, unassignment):
    odd = unassignment("rh_1\r\nX: é\ud800☃")

    assert adapter(receiver.url).unassign([odd]) == [REMOVED]
    assert receiver.subjects == [odd.holder_id]


def test_an_empty_batch_sends_nothing(receiver, adapter):
    assert adapter(receiver.url).unassign([]) == []
    assert receiver.connections == 0


# What the answers mean for a batch


def test_outcomes_have_the_order_of_the_batch_and_one_refusal_stops_nobody(
    receiver, adapter, batch
):
    answers = {
        2: 422,
        3: (200, {}, b'{"result": "already_removed"}'),
        4: (200, {}, b'{"result": "contact_not_found"}'),
        5: (200, {}, b'{"result": "retry"}'),
    }
    receiver.by = lambda number, _body: answers.get(number, 204)

    assert adapter(receiver.url).unassign(batch(6)) == [
        REMOVED,
        Outcome.rejected("the receiver refuses it (422)"),
        Outcome(Result.ALREADY_REMOVED),
        Outcome(Result.CONTACT_NOT_FOUND),
        Outcome.retry("the receiver says so: retry"),
        REMOVED,
    ]
    assert receiver.subjects == [f"rh_{number}" for number in range(1, 7)]


def test_a_fault_is_tried_once_more(receiver, adapter, batch):
    waits = []
    receiver.by = lambda number, _body: 503 if number == 1 else 204

    assert adapter(receiver.url, wait=waits.append).unassign(batch(1)) == [REMOVED]
    assert len(waits) == 1
    assert 0 < waits[0] <= 0.5


def test_a_receiver_that_is_down_makes_all_of_a_batch_retry_after_few_calls(
    adapter, batch, new_receiver
):
    gone = new_receiver()
    gone.server.server_close()
    waits = []

    outcomes = adapter(gone.url, wait=waits.append).unassign(batch(100))

    assert outcomes == [Outcome.retry(NO_CONNECTION)] * 100
    assert len(waits) == 3


def test_a_receiver_that_breaks_is_asked_about_each_once_and_no_longer(receiver, adapter, batch):
    receiver.by = lambda _number, _body: 500

    outcomes = adapter(receiver.url).unassign(batch(20))

    assert outcomes == [Outcome.retry("the receiver answered 500")] * 20
    assert len(receiver.requests) == 20


def test_a_receiver_that_breaks_at_some_unassignments_gets_the_others(receiver, adapter, batch):
    receiver.by = lambda number, _body: 500 if number <= 5 else 204

    outcomes = adapter(receiver.url).unassign(batch(8))

    assert outcomes == [Outcome.retry("the receiver answered 500")] * 5 + [REMOVED] * 3


def test_a_gateway_without_a_receiver_is_asked_few_times(receiver, adapter, batch):
    receiver.by = lambda _number, _body: 502

    outcomes = adapter(receiver.url).unassign(batch(20))

    reason = "the receiver answered 502; given up after 2 attempts, the next run tries again"
    assert outcomes == [Outcome.retry(reason)] * 20
    assert len(receiver.requests) == 6


def test_calls_that_nobody_answered_are_forgotten_at_the_next_answer(receiver, adapter, batch):
    receiver.by = lambda _number, body: 204 if b'"rh_3"' in body or b'"rh_6"' in body else 503

    results = [outcome.result for outcome in adapter(receiver.url).unassign(batch(7))]

    lost = Result.RETRY
    assert results == [lost, lost, Result.REMOVED, lost, lost, Result.REMOVED, lost]


def test_a_call_whose_answer_was_lost_is_repeated_and_one_at_work_is_waited_for(
    receiver, adapter, batch
):
    waits = []
    receiver.by = lambda number, _body: 409 if number == 1 else 204

    assert adapter(receiver.url, wait=waits.append).unassign(batch(1)) == [REMOVED]
    assert len(waits) == 1


def test_a_receiver_that_goes_down_keeps_what_it_took(receiver, adapter, batch):
    receiver.by = lambda number, _body: 204 if number <= 2 else 502

    results = [outcome.result for outcome in adapter(receiver.url).unassign(batch(50))]

    assert results == [Result.REMOVED] * 2 + [Result.RETRY] * 48
    assert len(receiver.requests) == 2 + 6


def test_a_receiver_that_does_not_answer_in_time_is_left(receiver, adapter, batch):
    ended = threading.Event()
    receiver.by = lambda _number, _body: 204 + ended.wait(20)
    patience = replace(PATIENCE, read=0.05, answer=0.05)

    outcomes = adapter(receiver.url, patience=patience).unassign(batch(100))
    ended.set()

    assert {outcome.result for outcome in outcomes} == {Result.RETRY}
    assert len(outcomes) == 100
    assert receiver.connections == 6


@pytest.mark.parametrize("form", ["90", "Mon, 02 Mar 2026 09:06:30 GMT"])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_says(receiver, adapter, batch, form):
    busy = (429, {"Retry-After": form}, b"")
    receiver.by = lambda number, _body: 204 if number == 1 else busy

    outcomes = adapter(receiver.url).unassign(batch(20))

    wait = Outcome.retry("the receiver answered 429", timedelta(seconds=90))
    assert outcomes == [REMOVED] + [wait] * 19
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, TellUserError),
        (405, TellUserError),
        (410, TellUserError),
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
    ],
)
def test_what_a_person_must_mend_is_told_at_the_first_call(receiver, adapter, batch, status, error):
    receiver.by = lambda _number, _body: status
    names = "CRM_HTTP_URL" if error is TellUserError else "CRM_HTTP_SECRET"

    fails_with(lambda: adapter(receiver.url).unassign(batch(5)), error, names)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [404, 401])
def test_what_was_taken_before_such_an_error_is_not_lost(receiver, adapter, batch, status):
    receiver.by = lambda number, _body: 204 if number == 1 else status
    ours = adapter(receiver.url)

    outcomes = ours.unassign(batch(5))

    assert [outcome.result for outcome in outcomes] == [Result.REMOVED] + [Result.RETRY] * 4
    assert "CRM_HTTP_" in outcomes[1].reason
    assert len(receiver.requests) == 2
    with pytest.raises((TellUserError, CredentialsRefusedError)):
        ours.unassign(batch(5)[1:])


def test_such_an_error_after_nothing_but_retries_is_told_at_once(receiver, adapter, batch):
    receiver.by = lambda number, _body: 500 if number == 1 else 404

    fails_with(lambda: adapter(receiver.url).unassign(batch(5)), TellUserError, "404")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_not_told(new_receiver, adapter, batch, status):
    receiver, other = new_receiver(), new_receiver()
    receiver.by = lambda _number, _body: (status, {"Location": other.url}, b"")
    ours = adapter(receiver.url)

    for ask in (lambda: ours.unassign(batch(1)), ours.check):
        error = fails_with(ask, TellUserError, rf"CRM_HTTP_URL: .*redirect \({status}\)")
        assert f"{other.port}" not in shown(error)
    assert other.connections == 0


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, REMOVED), (422, Outcome.rejected("the receiver refuses it (422)"))],
)
def test_of_an_answer_that_is_too_long_only_the_status_counts(
    receiver, adapter, batch, status, expected
):
    long = b'{"result": "superseded"}'.ljust(64 * 1024 + 1)
    receiver.by = lambda _number, _body: (status, {}, long)

    assert adapter(receiver.url).unassign(batch(2)) == [expected] * 2
    assert len(receiver.requests) == 2


def test_an_answer_of_just_the_largest_size_is_read(receiver, adapter, batch):
    receiver.by = lambda _number, _body: (200, {}, b'{"result": "superseded"}'.ljust(64 * 1024))

    assert adapter(receiver.url).unassign(batch(1)) == [Outcome(Result.SUPERSEDED)]


def test_an_answer_without_end_is_cut_off(receiver, adapter, batch):
    endless = (200, {"Content-Length": "1000000000000"}, b"x" * 100_000)
    receiver.by = lambda _number, _body: endless

    assert adapter(receiver.url).unassign(batch(1)) == [REMOVED]


# Check


@pytest.mark.parametrize(("status", "said"), [(204, 1), (404, 2), (405, 2), (500, 2)])
def test_a_check_asks_sends_no_unassignment_and_says_what_it_can_not_prove(
    receiver, adapter, status, said
):
    receiver.by = lambda _number, _body: status

    not_proven = adapter(receiver.url).check()

    [(method, path, headers, body)] = receiver.requests
    assert (method, path, body) == ("OPTIONS", "/hook/s3cret-path?flow=7", b"")
    assert signed_headers(SECRET, b"", NOW).items() <= dict(headers).items()
    assert len(not_proven) == said
    assert "verifies the signature" in not_proven[0]
    assert all(f"{status}" in each for each in not_proven[1:])


def test_a_check_tells_a_receiver_that_is_down(new_receiver, adapter):
    gone = new_receiver()
    gone.server.server_close()

    error = fails_with(adapter(gone.url).check, TellUserError, "CRM_HTTP_URL: nobody answers there")

    assert "is up" in str(error)
    assert "flow=7" not in shown(error)
    assert "s3cret-path" not in shown(error)


def test_a_check_tells_that_the_sender_is_refused(receiver, adapter):
    receiver.by = lambda _number, _body: 401

    fails_with(adapter(receiver.url).check, CredentialsRefusedError, r"\(401\).*CRM_HTTP_SECRET")


def test_a_check_tells_that_only_a_gateway_answers(receiver, adapter):
    receiver.by = lambda _number, _body: 502

    fails_with(adapter(receiver.url).check, TellUserError, r"CRM_HTTP_URL: no receiver behind")


def test_tls_is_verified_before_anything_is_sent(receiver, adapter, batch, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    with Front(receiver.port, context=authority.context()) as front:
        url = f"https://127.0.0.1:{front.port}/hook?flow=7"
        stranger = adapter(url)
        for ask in (stranger.check, lambda: stranger.unassign(batch(1))):
            error = fails_with(ask, TellUserError, "CRM_HTTP_URL: no trusted TLS connection")
            assert "flow=7" not in shown(error)
        assert receiver.requests == []

        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        with closing(adapter(url)) as known:
            known.check()
            assert known.unassign(batch(1)) == [REMOVED]


# Settings, and what is never shown


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "CRM_HTTP_URL, CRM_HTTP_SECRET: missing"),
        ({"CRM_HTTP_URL": " ", "CRM_HTTP_SECRET": SECRET}, "CRM_HTTP_URL: missing"),
        ({"CRM_HTTP_URL": URL, "CRM_HTTP_SECRET": " "}, "CRM_HTTP_SECRET: missing"),
    ],
)
def test_what_is_missing_is_named(env, named):
    fails_with(lambda: from_env(**env), TellUserError, named)


def test_an_unknown_content_type_is_refused():
    ask = lambda: from_env(  # noqa: E731
        CRM_HTTP_URL=URL, CRM_HTTP_SECRET=SECRET, CRM_HTTP_CONTENT_TYPE="text/plain"
    )

    fails_with(ask, TellUserError, "CRM_HTTP_CONTENT_TYPE: write application/json or ")


@pytest.mark.parametrize(
    "secret", ["s3cret-fifteen-", "s3cret s3cret s3cret", "s3cret\udcff" * 4, "s3crét" * 4]
)
def test_a_secret_that_is_too_short_or_odd_is_refused_without_its_value(secret):
    ask = lambda: from_env(CRM_HTTP_URL=URL, CRM_HTTP_SECRET=secret)  # noqa: E731

    assert "s3cr" not in str(fails_with(ask, TellUserError, "CRM_HTTP_SECRET: .*16 characters"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3cret", "write an address such as https://"),
        ("https://ann:s3cret@crm.test/", "without user, password"),
        ("http://crm.test/s3cret", "write https://"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_its_value(url, says):
    error = fails_with(lambda: with_url(url), TellUserError, f"CRM_HTTP_URL: .*{says}")

    assert "s3cret" not in shown(error)


def test_the_place_is_the_host_alone():
    with closing(with_url("https://crm.example.test:8443/a/b?c=d@e")) as ours:
        assert ours.place == "https://crm.example.test:8443"


def test_the_destination_is_the_urls_fingerprint_and_no_secrets():
    here = with_url(URL).destination
    same = from_env(CRM_HTTP_URL=f" {URL} ", CRM_HTTP_SECRET=SECRET[::-1]).destination

    assert here == same == "http-9d246e43"
    assert with_url(f"{URL}?flow=7").destination != here


def test_what_the_class_declares():
    assert HttpAdapter.api_version == API_VERSION
    assert HttpAdapter.setting_names == {
        "CRM_HTTP_URL",
        "CRM_HTTP_SECRET",
        "CRM_HTTP_CONTENT_TYPE",
    }
    assert with_url(URL).capabilities == {Capability.SIZES_BATCHES}
    assert isinstance(with_url(URL), SizesBatches)


@pytest.mark.parametrize("due", [0, 1, 2_000])
def test_a_batch_is_small_enough_for_what_a_stop_leaves_it(due):
    assert with_url(URL).batch_size(due) == 20


def test_making_one_sends_nothing_and_closing_twice_changes_nothing(receiver):
    ours = with_url(receiver.url)
    ours.close()
    ours.close()

    assert receiver.connections == 0


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 429, 500])
def test_no_secret_query_or_person_is_in_any_text(receiver, adapter, unassignment, status):
    receiver.by = lambda _number, body: (status, {}, body)
    ours = adapter(receiver.url)
    texts = [repr(ours), ours.place, ours.destination]

    for ask in (lambda: ours.unassign([unassignment()]), ours.check):
        try:
            texts.append(repr(ask()))
        except (TellUserError, CredentialsRefusedError) as error:
            texts.append(shown(error))

    for private in (SECRET, "s3cret-path", "flow=7", "ann@example.com", "shop-7", "FRIEND-1"):
        assert not [text for text in texts if private in text]
