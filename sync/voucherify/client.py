"""One Voucherify project over HTTP: credentials, this API's errors and its rate headers.

Source: Voucherify documentation, "Authentication", "Errors", "API limits" and "Versioning".
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from sync.errors import (
    CredentialsRefusedError,
    FailedError,
    ParkError,
    PermissionRefusedError,
    RefusedError,
    RetryError,
    UnavailableError,
    UnreadableError,
)
from sync.transport import Accepted, Answer, Call, Observed, Pacer
from sync.voucherify.address import is_voucherifys
from sync.voucherify.instant import read_http_date
from sync.voucherify.refusal import read_refusal, said

API_VERSION = "v2018-08-01"
CHANNEL = "holdersync"
UNKNOWN_WAIT = 15.0
"""Seconds to wait after a 429 that does not say how long."""

LONGEST_NUMBER = 10
"""Digits of a rate header: enough for an epoch in seconds, too few to leave the calendar."""

LARGEST_CREATED = 1024 * 1024
"""Bytes of an answer that tells what was created."""
DOTS = frozenset({".", ".."})

UNAUTHORIZED = 401
FORBIDDEN = 403
TOO_MANY = 429
PLAN_EXCEEDED = 402
RETRIED = frozenset({408, 425})
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True)
class Reply:
    """The JSON of an accepted answer, and the server's own time (its `Date`, UTC)."""

    body: object
    server_time: datetime


class Getter(Protocol):
    """What the client needs of a transport."""

    def get(
        self, url: str, params: Sequence[tuple[str, str]], judge: Callable[[Answer], Reply]
    ) -> Reply:
        """Get what `judge` makes of an answer that it accepts."""

    def send(self, call: Call, judge: Callable[[Answer], Accepted]) -> Accepted:
        """Give what `judge` makes of an answer that it accepts."""


def credentials(app_id: str, app_token: str) -> Mapping[str, str]:
    """Give the headers that every request carries; the documentation's "Authentication"."""
    return {
        "X-App-Id": app_id,
        "X-App-Token": app_token,
        "X-Voucherify-API-Version": API_VERSION,
        "X-Voucherify-Channel": CHANNEL,
        "Accept": "application/json",
    }


class VoucherifyClient:
    """Asks one project.

    Args:
        transport: sends the requests; holds the credentials.
        base_url: scheme and host, without a slash at the end.
        pacer: told what the rate headers say.
        max_wait: a server that asks for a longer wait parks the run.
    """

    def __init__(
        self, transport: Getter, *, base_url: str, pacer: Pacer, max_wait: timedelta
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._pacer = pacer
        self._max_wait = max_wait.total_seconds()

    def get(self, path: Sequence[str], params: Sequence[tuple[str, str]]) -> Reply:
        """Get `/v1/` and the path's segments, each of them escaped.

        Raises:
            FailedError: a segment of dots only, which no escaping keeps in its place; it would ask
                for something else (RFC 3986, 5.2.4).
            CredentialsRefusedError: 401, or, as `PermissionRefusedError`, 403.
            ParkError: the cycle is used up, or the wait asked for is longer than may be waited.
            RefusedError: any other answer that asking again would not change.
            UnavailableError: retries were used up.
        """
        return self._transport.get(self._url(path), params, self._judge)

    def post(self, path: Sequence[str], body: Mapping[str, object]) -> Reply:
        """Post JSON to `/v1/` and the path's segments; raises as `get` does.

        It is sent again only if it surely was not received, or was refused by a rate limit.
        """
        call = Call(
            self._url(path),
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
            repeats=False,
            largest=LARGEST_CREATED,
        )
        return self._transport.send(call, self._judge_once)

    def download(self, url: str, largest: int) -> bytes:
        """Get a file of at most `largest` bytes from an address that an answer named.

        Raises:
            UnreadableError: the address is not Voucherify's; the credentials stay here.
            FailedError: the file is longer, or its token is refused.
            ParkError, RefusedError, UnavailableError: as `get` does.
        """
        if not is_voucherifys(url, self._base_url):
            msg = "the address of an export's file is not Voucherify's, so it was not asked"
            raise UnreadableError(msg, signature="address")
        call = Call(url, headers={"Accept": "text/csv, text/plain, */*"}, largest=largest)
        return self._transport.send(call, self._judge_file)

    def _url(self, path: Sequence[str]) -> str:
        if not DOTS.isdisjoint(path):
            msg = "its id is made of dots, which can't stand in an address"
            raise FailedError(msg, signature="dots")
        return "/".join((self._base_url, "v1", *(quote(part, safe="") for part in path)))

    def _judge(self, answer: Answer) -> Reply:
        self._require_accepted(answer)
        return _reply(answer)

    def _judge_once(self, answer: Answer) -> Reply:
        try:
            return self._judge(answer)
        except RetryError as error:
            if answer.status == TOO_MANY:
                raise
            msg = f"{error}; it may have been done, so it is not asked for again in this run"
            raise UnavailableError(msg) from error

    def _judge_file(self, answer: Answer) -> bytes:
        try:
            self._require_accepted(answer)
        except CredentialsRefusedError as error:
            # The key was good for the export itself: what is refused is the file's own token.
            msg = f"Voucherify refused an export's file ({answer.status})"
            raise FailedError(msg, signature="file") from error
        return answer.body

    def _require_accepted(self, answer: Answer) -> None:
        self._pacer.observe(observed(answer))
        if answer.status in {TOO_MANY, PLAN_EXCEEDED}:
            self._throttled(answer)
        if answer.status in SERVER_ERRORS or answer.status in RETRIED:
            msg = f"Voucherify answered {said(answer)}"
            raise RetryError(msg, after=_seconds(answer.headers.get("Retry-After")))
        if answer.status in {UNAUTHORIZED, FORBIDDEN}:
            msg = (
                f"Voucherify refused the key: {said(answer)}. Check VOUCHERIFY_APP_ID and "
                "VOUCHERIFY_APP_TOKEN, the key's role, and that VOUCHERIFY_REGION is the project's"
            )
            is_known = answer.status == FORBIDDEN
            raise (PermissionRefusedError if is_known else CredentialsRefusedError)(msg)
        if answer.status != 200:  # noqa: PLR2004
            refusal = read_refusal(answer)
            msg = f"Voucherify answered {said(answer)}"
            raise RefusedError(
                msg,
                signature=f"{answer.status} {refusal.key}",
                resource=(refusal.resource_type, refusal.resource_id),
            )

    def _throttled(self, answer: Answer) -> None:
        if _is_cycle_used_up(answer):
            next_cycle = self._pacer.refuse_cycle()
            msg = f"the billing cycle's calls are used up: {said(answer)}"
            raise ParkError(msg, by="cycle", resume_after=next_cycle)
        after = observed(answer).resets_in or UNKNOWN_WAIT
        msg = f"Voucherify's rate limit was met: {said(answer)}"
        if after > self._max_wait:
            raise ParkError(msg, by="rate", resume_after=_in(after, answer))
        raise RetryError(msg, after=after)


def observed(answer: Answer) -> Observed:
    """Read the rate headers; what is missing or unreadable is not told.

    `X-Rate-Limit-Retry` is an epoch in seconds, `Retry-After` a number of seconds. Both are taken
    against the server's own `Date`, so a wrong local clock changes nothing.
    """
    headers = answer.headers
    waits = [_seconds(headers.get("Retry-After"))]
    server_time = read_http_date(headers.get("Date"))
    epoch = _seconds(headers.get("X-Rate-Limit-Retry"))
    if epoch is not None and server_time is not None:
        waits.append(epoch - server_time.timestamp())
    refused = answer.status == TOO_MANY and not _is_cycle_used_up(answer)
    return Observed(
        limit=_count(headers.get("X-Rate-Limit-Limit")),
        remaining=0 if refused else _count(headers.get("X-Rate-Limit-Remaining")),
        resets_in=next((wait for wait in waits if wait is not None and wait > 0), None),
        refused=refused,
    )


def _is_cycle_used_up(answer: Answer) -> bool:
    return (
        answer.status == PLAN_EXCEEDED
        or answer.headers.get("X-Rate-Limit-Type") == "api_calls_cycle"
    )


def _reply(answer: Answer) -> Reply:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        msg = f"Voucherify answered {answer.status} with a body that is not JSON"
        raise RetryError(msg) from None
    return Reply(body, _date(answer))


def _date(answer: Answer) -> datetime:
    server_time = read_http_date(answer.headers.get("Date"))
    if server_time is None:
        msg = "an answer has no Date header, so it is not known when it was given"
        raise RetryError(msg)
    return server_time


def _in(seconds: float, answer: Answer) -> datetime | None:
    server_time = read_http_date(answer.headers.get("Date"))
    try:
        return server_time + timedelta(seconds=seconds) if server_time else None
    except OverflowError:
        return None


def _count(text: str | None) -> int | None:
    seconds = _seconds(text)
    return None if seconds is None else int(seconds)


def _seconds(text: str | None) -> float | None:
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER):
        return None
    return float(digits)
