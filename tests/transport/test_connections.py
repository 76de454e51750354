"""Connections: kept, broken, refused, not trusted; and what never goes over them."""

import socket
import ssl
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError
from urllib3.exceptions import SSLError as WrappedSslError

from sync.errors import TellUserError, UnavailableError
from sync.transport import Call, CallCount

URL = "https://api.example.test/v1/customers"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def good(out, _number):
    out.write(GOOD)


@pytest.fixture
def raw_server():
    """Start servers that do one thing with each connection; give their addresses."""
    listening = []

    def start(behave):
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def hang_up(connection):
    connection.recv(1_000)


def reset(connection):
    connection.recv(1_000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def speak_no_http(connection):
    connection.recv(1_000)
    connection.sendall(b"220 mail.example.test ESMTP\r\n")


def tls_error(inner):
    """Wrap an error of OpenSSL as requests and urllib3 do."""
    reason = WrappedSslError(inner)
    return requests.exceptions.SSLError(MaxRetryError(None, URL, reason))


def test_a_connection_is_kept_for_the_next_call(loopback, transport, judge):
    server = loopback(good)
    calls = transport()

    for _ in range(5):
        calls.get(server.url, [], judge)

    assert len(server.requests) == 5
    assert server.connections == 1


def test_each_thread_has_a_session_of_its_own(loopback, transport, judge):
    all_there = threading.Barrier(3)

    def reply(out, _number):
        all_there.wait(5)
        out.write(GOOD)

    server = loopback(reply)
    calls = transport()
    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(calls.get, server.url, [], judge) for _ in range(3)]
        assert [each.result().body for each in answers] == [b"{}"] * 3

    assert server.connections == 3
    assert calls.count == CallCount(made=3)


def test_a_closed_transport_holds_no_connection(loopback, transport, judge):
    server = loopback(good)
    calls = transport()
    calls.get(server.url, [], judge)

    calls.close()
    calls.get(server.url, [], judge)

    assert server.connections == 2


def test_a_path_and_a_query_arrive_as_they_were_escaped(loopback, transport, judge):
    server = loopback(good)
    url = f"{server.url}/v1/customers/a%2Fb%20%2525%C3%AB/activity"

    transport().get(url, [("limit", "100"), ("start_date", "2024-07-01T00:00:00.000Z")], judge)

    line, headers = server.requests[0]
    assert line == (
        "GET /v1/customers/a%2Fb%20%2525%C3%AB/activity"
        "?limit=100&start_date=2024-07-01T00%3A00%3A00.000Z HTTP/1.1"
    )
    assert headers["X-App-Token"] == "secret"


def test_netrc_is_not_read(loopback, transport, judge, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = loopback(good)

    transport().get(server.url, [], judge)

    _, headers = server.requests[0]
    assert "Authorization" not in headers


def test_a_redirect_is_given_as_the_answer(loopback, transport, judge):
    def reply(out, _number):
        out.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    server = loopback(reply)

    answer = transport().get(server.url, [], judge)

    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("scheme", "behave"),
    [
        ("http", hang_up),
        ("http", reset),
        ("http", speak_no_http),
        ("https", hang_up),
        ("https", reset),
    ],
)
def test_a_connection_that_breaks_is_tried_again_and_then_left(
    raw_server, transport, judge, behave, scheme
):
    address = raw_server(behave)
    calls = transport(attempts=3)

    with pytest.raises(UnavailableError, match=r"no whole answer .* given up after 3 attempts"):
        calls.get(f"{scheme}://{address}/", [], judge)

    assert calls.count == CallCount(made=3, retried=2)


def test_a_connection_that_nobody_takes_is_tried_again_and_then_left(transport, judge):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"no whole answer \(ConnectionError\)"):
            transport(attempts=2).get(f"http://{address}/", [], judge)


@pytest.mark.parametrize("behave", [hang_up, reset, speak_no_http])
def test_what_does_not_repeat_is_not_sent_again_once_it_may_have_been_received(
    raw_server, transport, judge, behave
):
    calls = transport()
    once = Call(f"http://{raw_server(behave)}/", method="POST", body=b"{}", repeats=False)

    with pytest.raises(UnavailableError, match="may have been received"):
        calls.send(once, judge)

    assert calls.count == CallCount(made=1)


def test_what_does_not_repeat_is_sent_again_where_nobody_takes_the_connection(transport, judge):
    calls = transport()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    once = Call(f"http://127.0.0.1:{port}/", method="POST", body=b"{}", repeats=False)

    with pytest.raises(UnavailableError, match="given up after 5 attempts"):
        calls.send(once, judge)

    assert calls.count.made == 5


def test_a_server_without_tls_needs_a_person(raw_server, transport, judge):
    address = raw_server(speak_no_http)

    with pytest.raises(TellUserError, match="does not speak https"):
        transport().get(f"https://{address}/", [], judge)


@pytest.mark.parametrize(
    "inner",
    [
        ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
        ssl.SSLCertVerificationError(1, "certificate verify failed: Hostname mismatch"),
        ssl.SSLError(136, "no certificate or crl found"),
    ],
)
def test_a_certificate_that_is_not_trusted_needs_a_person(transport, judge, pacer, inner):
    with responses.RequestsMock() as http:
        http.add("GET", URL, body=tls_error(inner))
        with pytest.raises(TellUserError, match="For a private CA, REQUESTS_CA_BUNDLE"):
            transport().get(URL, [], judge)

        assert len(http.calls) == 1

    assert pacer.waits == []
    assert pacer.ends == [True]


@pytest.mark.parametrize(
    "inner",
    [
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"),
        ssl.SSLSyscallError(5, "Some I/O error occurred"),
    ],
)
def test_a_handshake_that_is_cut_off_is_tried_again(transport, judge, inner):
    with responses.RequestsMock() as http:
        http.add("GET", URL, body=tls_error(inner))
        http.add("GET", URL, body="good")

        assert transport().get(URL, [], judge).body == b"good"


def test_a_tls_error_of_an_unknown_kind_needs_a_person(transport, judge):
    with responses.RequestsMock() as http:
        http.add("GET", URL, body=requests.exceptions.SSLError())
        with pytest.raises(TellUserError):
            transport().get(URL, [], judge)


def test_a_ca_file_that_is_not_there_needs_a_person(transport, judge, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))

    with pytest.raises(TellUserError, match="REQUESTS_CA_BUNDLE"):
        transport().get("https://127.0.0.1:1/", [], judge)
