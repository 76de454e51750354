"""Any HTTP endpoint as a CRM: each unassignment is one signed POST.

For everything that has no adapter of its own: a flow of Zapier, Make or n8n, the gateway of a
queue, an own service. What is sent and what an answer means is in `http_envelope`; a receiver for
a start is `config/http_receiver.example.py`.

A repeat has the same id and the same body, so whoever remembers ids sees each unassignment once.
Nothing can be read back: that the receiver ends the assignment, and only this one, is its promise.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from random import Random
from time import monotonic, sleep
from typing import ClassVar, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

import requests
from urllib3.exceptions import HTTPError

from sync.connection import failure_of
from sync.crm.adapter import (
    API_VERSION,
    Capability,
    CredentialsRefusedError,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)
from sync.crm.http_envelope import (
    CONTENT_TYPE,
    SECRET_SETTING,
    Verdict,
    envelope,
    judge,
    judge_check,
    message_id,
    signed_headers,
)
from sync.errors import UnavailableError
from sync.model.patience import Patience
from sync.transport import Answer, Call, Observed, Transport

URL_SETTING = "CRM_HTTP_URL"

PATIENCE = Patience(
    connect=3.0,
    read=10.0,
    answer=10.0,
    attempts=2,
    total=30.0,
    first_delay=0.5,
    longest_delay=0.5,
    largest_body=64 * 1024,
)
"""Short, since the ledger tries again: a batch must not wait long for one call."""
LOST_IN_A_ROW = 3
"""Calls without an answer, or with a 5xx, after which a batch is given up.

More than one, because a receiver that breaks at one unassignment would keep all others waiting.
"""
LONGEST_BATCH = 120.0
"""Seconds after which a batch starts no further call."""

Accepted = TypeVar("Accepted")

_VISIBLE = re.compile(r"[!-~]+")
_SECRET = re.compile(r"[!-~]{16,}")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


class HttpAdapter:
    """One endpoint that takes unassignments.

    Args:
        url: as `parse_url` accepts it.
        secret: the key of the signature.
        now: the local time, which a signature is good for.
        patience: time-outs and attempts of one call.
        wait: waits the given seconds between two attempts.
        clock: seconds that never jump.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset({URL_SETTING, SECRET_SETTING})

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        now: Callable[[], datetime],
        patience: Patience = PATIENCE,
        wait: Callable[[float], None] = sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._url = url
        self._secret = secret
        self._now = now
        self._clock = clock
        self._transport = _CutOff(
            headers={"Accept": "application/json", "User-Agent": "holdersync"},
            pacer=_Unpaced(),
            patience=patience,
            wait=wait,
            random=Random(),  # noqa: S311 - jitter, no secret
        )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from `CRM_HTTP_URL` and `CRM_HTTP_SECRET`."""
        url = env.get(URL_SETTING, "").strip()
        if not url:
            msg = (
                f"{URL_SETTING} is missing: say where unassignments are sent, for example "
                "https://crm.example.com/unassignments"
            )
            raise TellUserError(msg)
        secret = env.get(SECRET_SETTING, "")
        if not secret:
            msg = f"{SECRET_SETTING} is missing: give the key that the receiver verifies with"
            raise TellUserError(msg)
        if _SECRET.fullmatch(secret) is None:
            msg = f"{SECRET_SETTING}: write at least 16 characters of ASCII, without spaces"
            raise TellUserError(msg)
        return cls(parse_url(url), secret, now=lambda: datetime.now(UTC))

    @property
    def destination(self) -> str:
        """`http-` and a fingerprint of the URL; a new secret changes nothing."""
        return f"http-{sha256(self._url.encode()).hexdigest()[:8]}"

    @property
    def place(self) -> str:
        """The URL without its query, which may hold a key."""
        return self._url.partition("?")[0]

    @property
    def capabilities(self) -> frozenset[Capability]:
        """None: what is behind the endpoint can't be looked at."""
        return frozenset()

    def check(self) -> Sequence[str]:
        """Prove that somebody answers there, and doesn't refuse us.

        The question is OPTIONS, signed over an empty body: it changes nothing, and a receiver that
        verifies it tells a wrong secret before the first run.
        """
        try:
            self._call(Call(self._url, method="OPTIONS", headers=self._signed(b"")), judge_check)
        except UnavailableError as error:
            msg = (
                f"{URL_SETTING}: nobody answers there: {error}. See that the receiver is up, and "
                "that this machine may reach its host and port"
            )
            raise TellUserError(msg) from None
        return ("what the receiver does with an unassignment can't be seen from here",)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Post each unassignment; once the receiver is down or busy, the rest is not tried.

        What a person must mend is told by an error only where no outcome would be lost by it: else
        the rest is `RETRY`, and the next batch meets it at its first call.
        """
        outcomes: list[Outcome] = []
        lost = 0
        ends = self._clock() + LONGEST_BATCH
        for unassignment in batch:
            try:
                verdict = self._told(unassignment)
                lost = 0
            except UnavailableError as error:
                lost += 1
                verdict = Verdict(Outcome.retry(str(error)), stops=lost == LOST_IN_A_ROW)
            except (TellUserError, CredentialsRefusedError) as error:
                if all(outcome.result is Result.RETRY for outcome in outcomes):
                    raise
                verdict = Verdict(Outcome.retry(str(error)), stops=True)
            outcomes.append(verdict.outcome)
            if verdict.stops:
                return _with_rest(outcomes, batch, verdict.outcome)
            if self._clock() >= ends:
                slow = Outcome.retry("not tried: the receiver is too slow for a whole batch")
                return _with_rest(outcomes, batch, slow)
        return outcomes

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _told(self, unassignment: Unassignment) -> Verdict:
        body = envelope(unassignment)
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Idempotency-Key": message_id(unassignment),
            **self._signed(body),
        }
        call = Call(self._url, method="POST", headers=headers, body=body)
        return self._call(call, partial(judge, now=self._now()))

    def _signed(self, body: bytes) -> Mapping[str, str]:
        return signed_headers(self._secret, body, self._now())

    def _call(self, call: Call, accept: Callable[[Answer], Accepted]) -> Accepted:
        try:
            return self._transport.send(call, accept)
        except TellUserError as error:
            # What it came from shows the query.
            msg = f"{URL_SETTING}: {error}"
            raise TellUserError(msg) from None


def parse_url(value: str) -> str:
    """Read where unassignments are sent.

    Raises:
        TellUserError: not such a URL, or one that would show what is sent to everybody.
    """
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"}:
        msg = f"{URL_SETTING} is not a URL such as https://crm.example.com/unassignments"
        raise TellUserError(msg)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        msg = (
            f"{URL_SETTING}: write https://: http:// is only for this machine (localhost, "
            "127.0.0.1, [::1])"
        )
        raise TellUserError(msg)
    return value


def _split(value: str) -> SplitResult | None:
    """Split a URL; None if it is none.

    Raises:
        TellUserError: it has credentials or a fragment.
    """
    try:
        parts = urlsplit(value)
        is_possible = parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return None
    if "@" in parts.netloc or "#" in value:
        msg = f"{URL_SETTING}: leave out user, password and what is behind #: a key signs each call"
        raise TellUserError(msg)
    host = parts.hostname or ""
    is_host = _is_address(host) if "[" in parts.netloc else bool(_HOST.fullmatch(host))
    return parts if is_possible and is_host and _VISIBLE.fullmatch(value) else None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _with_rest(
    outcomes: Sequence[Outcome], batch: Sequence[Unassignment], rest: Outcome
) -> Sequence[Outcome]:
    return [*outcomes, *[rest] * (len(batch) - len(outcomes))]


class _Unpaced:
    """A pacer that lets every call start: a receiver says by 429 what is too much for it."""

    def reserve(self) -> float:
        return 0.0

    def start(self, slot: float) -> float:
        return slot

    def end(self, *, started: bool) -> None:
        pass

    def observe(self, seen: Observed) -> None:
        pass

    def refuse_cycle(self) -> datetime | None:
        return None


class _CutOff(Transport):
    """A transport for which an answer that is too long still has its status, and no body."""

    def _send(self, call: Call, *, again: bool) -> Answer:
        patience = self._patience
        self._tally(made=1, retried=int(again))
        try:
            with self._session().request(
                call.method,
                call.url,
                headers=call.headers,
                data=call.body,
                timeout=(patience.connect, patience.read),
                allow_redirects=False,
                proxies={"http": ""},
                stream=True,
            ) as response:
                body = _body_within(response, patience.largest_body)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise failure_of(error) from error
        return Answer(response.status_code, response.headers, body)


def _body_within(response: requests.Response, largest: int) -> bytes:
    """Read the body, and no more than one byte beyond what it may have; a longer one is empty."""
    chunks: list[bytes] = []
    left = largest + 1
    while left and (chunk := response.raw.read1(left, decode_content=True)):
        chunks.append(chunk)
        left = max(0, left - len(chunk))
    return b"".join(chunks) if left else b""
