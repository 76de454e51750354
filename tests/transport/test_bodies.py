"""Bodies as they come over a real socket: whole or not at all, whatever their coding."""

import gzip
import random
import threading
import zlib

import pytest

from sync.errors import FailedError, UnavailableError
from sync.transport import Call

LETTERS = random.Random(1)
NOISE = LETTERS.randbytes(3_000_000)
SMALL = b'{"customers": []}'
SIZES = [0, 1, 17, 5_000, 65_535, 65_536, 65_537, 3_000_000]


def chunked(body, size):
    """Write a body in chunks of `size` bytes."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


def answering(*answers):
    """Reply with one answer after the other, the last one for ever."""

    def reply(out, number):
        out.write(answers[min(number, len(answers)) - 1])

    return reply


def closing(answer):
    """Reply and close the connection, whatever was promised."""

    def reply(out, _number):
        out.write(answer)
        return "close"

    return reply


@pytest.mark.parametrize("size", SIZES)
def test_a_body_comes_whole(loopback, transport, judge, http, size):
    server = loopback(answering(http(NOISE[:size])))

    assert transport().get(server.url, [], judge).body == NOISE[:size]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_in_chunks_comes_whole(loopback, transport, judge, http, size):
    body = chunked(NOISE[:size], 9_001)
    server = loopback(answering(http(body, "Transfer-Encoding: chunked")))

    assert transport().get(server.url, [], judge).body == NOISE[:size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("filling", [NOISE, bytes(3_000_000)], ids=["noise", "zeros"])
def test_a_compressed_body_comes_whole(loopback, transport, judge, size, filling):
    for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        packed = compress(filling[:size], 1)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(packed)}\r\nContent-Encoding: {coding}"
        server = loopback(answering(head.encode() + b"\r\n\r\n" + packed))

        assert transport().get(server.url, [], judge).body == filling[:size]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1_000])
def test_chunks_too_small_to_decode_anything_do_not_end_a_body(
    loopback, transport, judge, http, chunk
):
    # The first bytes of gzip are a header: decoding them gives nothing yet.
    body = chunked(gzip.compress(NOISE[:5_000]), chunk)
    headers = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    server = loopback(answering(http(body, *headers)))

    assert transport().get(server.url, [], judge).body == NOISE[:5_000]


def test_gzip_in_several_members_comes_whole(loopback, transport, judge, http):
    packed = gzip.compress(NOISE[:9_000]) + gzip.compress(b"") + gzip.compress(NOISE[9_000:20_000])
    server = loopback(answering(http(packed, "Content-Encoding: gzip")))

    assert transport().get(server.url, [], judge).body == NOISE[:20_000]


def test_a_body_without_a_length_ends_with_the_connection(loopback, transport, judge, http):
    server = loopback(closing(http(SMALL, "Connection: close")))

    assert transport().get(server.url, [], judge).body == SMALL


def test_a_body_that_ends_early_is_no_answer(loopback, transport, judge, http):
    server = loopback(closing(http(SMALL, length=len(SMALL) + 1)))

    with pytest.raises(UnavailableError, match=r"no whole answer \(ProtocolError\)"):
        transport(attempts=2).get(server.url, [], judge)

    assert len(server.requests) == 2


@pytest.mark.parametrize("lost", [1, 2, 5, 7, 12])
def test_chunks_that_end_early_are_no_answer(loopback, transport, judge, http, lost):
    body = chunked(SMALL, 7)[:-lost] if lost > 2 else chunked(SMALL, 7)[: -5 - lost]
    server = loopback(closing(http(body, "Transfer-Encoding: chunked")))

    with pytest.raises(UnavailableError, match="no whole answer"):
        transport(attempts=1).get(server.url, [], judge)


def test_a_body_that_does_not_decode_is_no_answer(loopback, transport, judge, http):
    server = loopback(answering(http(b"no gzip", "Content-Encoding: gzip")))

    with pytest.raises(UnavailableError, match=r"no whole answer \(DecodeError\)"):
        transport(attempts=1).get(server.url, [], judge)


def test_after_a_broken_body_a_whole_one_is_taken(loopback, transport, judge, http):
    def reply(out, number):
        out.write(http(SMALL, length=99 if number == 1 else None))
        return "close"

    server = loopback(reply)

    assert transport().get(server.url, [], judge).body == SMALL


def test_a_body_up_to_the_largest_is_taken(loopback, transport, judge, http):
    server = loopback(answering(http(NOISE[:70_000])))

    assert len(transport(largest_body=70_000).get(server.url, [], judge).body) == 70_000


def test_a_larger_body_is_refused(loopback, transport, judge, http):
    server = loopback(answering(http(NOISE[:70_001])))

    with pytest.raises(UnavailableError, match="the answer is larger than 70000 bytes"):
        transport(largest_body=70_000, attempts=1).get(server.url, [], judge)


def test_a_call_may_allow_more(loopback, transport, judge, http):
    server = loopback(answering(http(NOISE[:2_000])))
    calls = transport(largest_body=100)

    assert len(calls.send(Call(server.url, largest=2_000), judge).body) == 2_000


def test_what_is_longer_than_a_call_allows_is_not_asked_for_again(loopback, transport, judge, http):
    server = loopback(answering(http(NOISE[:2_000])))
    calls = transport()

    with pytest.raises(FailedError, match="larger than 1999 bytes"):
        calls.send(Call(server.url, largest=1_999), judge)

    assert calls.count.made == 1


@pytest.mark.parametrize("status", [200, 429])
def test_where_only_the_status_matters_a_larger_body_is_left(
    loopback, transport, judge, http, status
):
    server = loopback(answering(http(NOISE[:70_001], status=f"{status} Told")))
    ours = transport(needs_body=False, largest_body=70_000)

    for _ in range(2):
        answer = ours.get(server.url, [], judge)
        assert (answer.status, answer.body) == (status, b"")


def test_what_a_body_grows_to_counts_and_not_what_was_sent(loopback, transport, judge, http):
    packed = gzip.compress(bytes(50_000_000), 9)
    server = loopback(answering(http(packed, "Content-Encoding: gzip")))

    with pytest.raises(UnavailableError, match="larger than 1000000 bytes"):
        transport(largest_body=1_000_000, attempts=1).get(server.url, [], judge)


def test_a_body_that_only_drips_is_given_up(loopback, transport, judge, http, drip):
    server = loopback(drip(http(b"", length=10_000)))

    with pytest.raises(UnavailableError, match=r"no whole answer \(ReadTimeoutError\)"):
        transport(answer=0.1, attempts=1).get(server.url, [], judge)


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 100 Go on\r\n"])
def test_a_head_that_only_drips_is_given_up(loopback, transport, judge, drip, head):
    server = loopback(drip(head.encode()))

    with pytest.raises(UnavailableError, match=r"no whole answer \(ReadTimeout\)"):
        transport(answer=0.1, attempts=1).get(server.url, [], judge)


def test_a_chunk_s_length_that_only_drips_is_given_up(loopback, transport, judge, drip):
    server = loopback(drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0"))

    with pytest.raises(UnavailableError, match=r"no whole answer \(ReadTimeoutError\)"):
        transport(answer=0.1, attempts=1).get(server.url, [], judge)


def test_the_time_of_an_answer_begins_anew_with_each_call(loopback, transport, judge, http):
    def reply(out, _number):
        over.wait(0.06)
        out.write(http(SMALL))

    over = threading.Event()
    server = loopback(reply)
    calls = transport(answer=0.2, attempts=1)

    assert [calls.get(server.url, [], judge).body for _ in range(4)] == [SMALL] * 4


def test_a_server_that_falls_silent_is_given_up(loopback, transport, judge, silent):
    server = loopback(silent)

    with pytest.raises(UnavailableError, match=r"no whole answer \(ReadTimeout\)"):
        transport(read=0.1, attempts=1).get(server.url, [], judge)


def test_a_body_that_stops_in_the_middle_is_given_up(loopback, transport, judge, silent, http):
    server = loopback(lambda out, number: (out.write(http(SMALL, length=99)), silent(out, number)))

    with pytest.raises(UnavailableError, match=r"no whole answer \(ReadTimeoutError\)"):
        transport(read=0.1, attempts=1).get(server.url, [], judge)


@pytest.fixture
def drip():
    """Reply a byte now and then, until the other side has gone."""

    def dripping(head):
        def reply(out, _number):
            out.write(head)
            try:
                while not over.wait(0.01):
                    out.write(b" ")
                    out.flush()
            except OSError:
                pass
            return "close"

        return reply

    over = threading.Event()
    yield dripping
    over.set()


@pytest.fixture
def silent():
    """Say nothing until the test is over."""

    def reply(_out, _number):
        over.wait(10)
        return "close"

    over = threading.Event()
    yield reply
    over.set()
