"""HTTP as the tool uses it: sessions, time-outs, retries and pacing; knows no vendor.

Three things are kept apart: whether to try again is decided by the class of an error
(`RetryError`), how long to wait by arithmetic on the attempt, and the waiting itself is a function
from outside. A call is counted and given its time by the `Pacer` before it is sent, each attempt
anew.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from time import monotonic, sleep
from typing import Protocol, TypeVar

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.stop import stop_base
from urllib3.exceptions import HTTPError

from sync.connection import AnswersInTime, body_within, failure_of
from sync.errors import FailedError, HoldersyncError, RetryError, UnavailableError
from sync.model.patience import Patience, delay_before

Accepted = TypeVar("Accepted")


@dataclass(frozen=True, slots=True)
class Observed:
    """What an answer told about the server's limit; None is what it did not tell.

    `limit` and `remaining` are calls in the current window, `resets_in` the seconds until the next
    one, `refused` whether this very call was over the limit of the window.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None
    refused: bool = False


class Pacer(Protocol):
    """Decides when the next call may be sent, and whether it may be sent at all."""

    def reserve(self) -> float:
        """Count one call and give its slot: when it may start, on the monotonic clock.

        Raises:
            ParkError: no call may be made now, or not within the time that may be waited.
        """

    def start(self, slot: float) -> float:
        """Give the seconds still to wait; 0 means that the call starts now.

        Asked again after each wait, since another thread may have been refused meanwhile.

        Raises:
            ParkError: as in `reserve`.
        """

    def end(self, *, started: bool) -> None:
        """Tell that the call ended, answered or not, or that it was never started."""

    def observe(self, seen: Observed) -> None:
        """Take in what an answer told about the server's limit."""

    def refuse_cycle(self) -> datetime | None:
        """Take in that the billing cycle is used up: no call starts after this.

        Gives the begin of the next cycle, if it is known (UTC).
        """


@dataclass(frozen=True, slots=True)
class Call:
    """One request, which may be sent more than once: sent again, it must change nothing more.

    Without `repeats` it is sent again only if it surely was not received, or was refused. `largest`
    bounds the body of the answer in bytes, instead of the patience; a longer one ends the call.
    """

    url: str
    params: Sequence[tuple[str, str]] = ()
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    repeats: bool = True
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are compared without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class CallCount:
    """Requests sent (retries included), those that were retries, and those refused with 429."""

    made: int = 0
    retried: int = 0
    throttled: int = 0


class _Lost(stop_base):
    """What one call lost to faults: in answers that failed, and between the tries.

    Waiting for the pacer is not counted: where few calls are allowed, a single try may have to
    wait longer than any fault may last.
    """

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self.seconds = 0.0

    def __call__(self, state: RetryCallState) -> bool:
        """Tell whether the next try would begin after the bound."""
        return self.seconds + state.upcoming_sleep >= self._bound


def pause(seconds: float) -> None:
    """Wait; for whoever has nobody that ends the waiting earlier."""
    sleep(seconds)


class Transport:
    """Sends requests to one host, with one session per thread.

    Redirects are not followed, since they would carry the credentials along; TLS is verified;
    `.netrc` is not read; proxies and a private CA are taken from the environment as requests does,
    but plain `http://`, which is for this machine only, shows its credentials to no proxy.

    Args:
        headers: sent with every request; credentials live here and nowhere else.
        pacer: asked before each attempt.
        patience: time-outs and retries.
        wait: waits the given seconds, or raises to end the run. Tests don't wait.
        random: the source of jitter.
        clock: seconds that never jump.
        needs_body: whether an answer with too long a body is a failure; where only the status
            matters, such an answer counts as one without a body.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        pacer: Pacer,
        patience: Patience,
        wait: Callable[[float], None],
        random: Random,
        clock: Callable[[], float] = monotonic,
        needs_body: bool = True,
    ) -> None:
        self._headers = dict(headers)
        self._pacer = pacer
        self._patience = patience
        self._wait = wait
        self._random = random
        self._clock = clock
        self._needs_body = needs_body
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._count = CallCount()

    @property
    def count(self) -> CallCount:
        """The calls so far."""
        return self._count

    def send(self, call: Call, judge: Callable[[Answer], Accepted]) -> Accepted:
        """Give what `judge` makes of an answer that it accepts.

        `judge` raises `RetryError` for an answer that may be better next time, or any other error
        to end the call; the vendor's client knows which.

        Raises:
            TellUserError: TLS can't be set up with what is configured.
            UnavailableError: attempts or time were used up, or a call that does not repeat may have
                been received.
            FailedError: the answer is longer than the call allows.
        """
        lost = _Lost(self._patience.total)

        def wait(seconds: float) -> None:
            lost.seconds += seconds
            self._wait(seconds)

        attempts = Retrying(
            retry=retry_if_exception_type(RetryError),
            stop=stop_after_attempt(self._patience.attempts) | lost,
            wait=self._delay,
            sleep=wait,
            reraise=True,
        )
        try:
            accepted: Accepted = attempts(self._attempt, call, judge, attempts, lost)
        except RetryError as error:
            tries = attempts.statistics["attempt_number"]
            msg = f"{error}; given up after {tries} attempts, the next run tries again"
            raise UnavailableError(msg) from error
        return accepted

    def get(
        self,
        url: str,
        params: Sequence[tuple[str, str]],
        judge: Callable[[Answer], Accepted],
    ) -> Accepted:
        """Get what `judge` makes of an answer that it accepts; raises as `send` does."""
        return self.send(Call(url, params), judge)

    def close(self) -> None:
        """Close the sessions of all threads."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _attempt(
        self,
        call: Call,
        judge: Callable[[Answer], Accepted],
        attempts: Retrying,
        lost: _Lost,
    ) -> Accepted:
        slot = self._pacer.reserve()
        began: float | None = None
        try:
            while seconds := self._pacer.start(slot):
                self._wait(seconds)
            began = self._clock()
            again = attempts.statistics["attempt_number"] > 1
            return judge(self._send(call, again=again))
        finally:
            if began is not None:
                lost.seconds += self._clock() - began
            self._pacer.end(started=began is not None)

    def _send(self, call: Call, *, again: bool) -> Answer:
        patience = self._patience
        largest = patience.largest_body if call.largest is None else call.largest
        self._tally(made=1, retried=int(again))
        try:
            with self._session().request(
                call.method,
                call.url,
                params=list(call.params),
                headers=call.headers,
                data=call.body,
                timeout=(patience.connect, patience.read),
                allow_redirects=False,
                proxies={"http": ""},
                stream=True,
            ) as response:
                body = body_within(response, largest)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise failure_of(error, repeats=call.repeats) from error
        self._tally(throttled=int(response.status_code == requests.codes.too_many_requests))
        if body is None and self._needs_body:
            raise _too_large(call, largest)
        return Answer(response.status_code, response.headers, body or b"")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._thread, "session", None)
        if session is None:
            session = requests.Session()
            session.headers.update(self._headers)
            session.auth = _no_netrc
            for scheme in ("https://", "http://"):
                session.mount(scheme, AnswersInTime(self._patience.answer))
            self._thread.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _delay(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, RetryError) else None
        return delay_before(state.attempt_number, asked, self._patience, self._random.random())

    def _tally(self, *, made: int = 0, retried: int = 0, throttled: int = 0) -> None:
        with self._lock:
            count = self._count
            self._count = CallCount(
                count.made + made, count.retried + retried, count.throttled + throttled
            )


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _too_large(call: Call, largest: int) -> HoldersyncError:
    msg = f"the answer is larger than {largest} bytes"
    return RetryError(msg) if call.largest is None else FailedError(msg, signature="large")
