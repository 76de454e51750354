"""The desk where calls come in: limits, answers, faults and counting, but no sockets.

Contract: safe for many threads. A call that a limit refuses costs nothing of that limit. A fault
strikes after the limits and the API have spoken, so a call that meets one is spent all the same,
and a scripted status wins over what the answer would have been.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Literal

from sync.playground.api import Answer, Request, Rules, answer, endpoint_of, is_authorized
from sync.playground.dice import Dice
from sync.playground.exports import Exports
from sync.playground.faults import Fault, FaultScript, parse_faults
from sync.playground.limits import (
    Policy,
    Refusal,
    Usage,
    admit,
    current,
    rate_headers,
    refusal_headers,
)
from sync.playground.payloads import error_body
from sync.playground.world import World

NO_ANSWER = 0
"""The status under which `Counters` has the calls that were closed or reset."""

_HTML = b"<!doctype html><html><body><h1>We will be back soon</h1></body></html>"
_ENDINGS: dict[str, Literal["cut", "close", "reset"]] = {
    "truncate": "cut",
    "close": "close",
    "reset": "reset",
}


@dataclass(frozen=True, slots=True)
class Counters:
    """How many calls came in, refused and broken ones included.

    `by_endpoint` has customers, customer, activity, redeemables, holders, vouchers, exports, other;
    `by_status` the status that was sent. What never happened has no key.
    """

    total: int
    by_endpoint: Mapping[str, int]
    by_status: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire, and how.

    `ending` is "whole" for a proper answer, "cut" for half of the body and then the end,
    "close" and "reset" for no answer at all. `delay` is in seconds.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    ending: Literal["whole", "cut", "close", "reset"] = "whole"
    delay: float = 0.0


class Desk:
    """Answers calls over whatever world it is shown, and keeps count."""

    def __init__(self, rules: Rules, policy: Policy, dice: Dice, latency: float = 0.0) -> None:
        """A desk with nothing used and no faults; `latency` is in seconds."""
        self._rules = rules
        self._policy = policy
        self._dice = dice
        self._exports = Exports(Dice(f"exports {rules.app_token}"))
        self._latency = latency
        self._usage = Usage()
        self._faults = FaultScript(())
        self._endpoints: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._lock = threading.Lock()

    def set_faults(self, script: str) -> None:
        """Replace the fault script; counting begins anew.

        Raises:
            ValueError: a line is no rule; the old script stays.
        """
        faults = FaultScript(parse_faults(script))
        with self._lock:
            self._faults = faults

    def begin_cycle(self, quota: int | None) -> None:
        """Begin a new billing cycle with this quota; None for no end."""
        with self._lock:
            self._policy = replace(self._policy, cycle_quota=quota)
            self._usage = replace(self._usage, in_cycle=0)

    def counters(self) -> Counters:
        """The calls so far."""
        with self._lock:
            total = self._endpoints.total()
            return Counters(total, dict(self._endpoints), dict(self._statuses))

    def respond(self, request: Request, world: World, now: datetime) -> Reply:
        """One call in at the instant `now`, one reply out, counted."""
        with self._lock:
            request_id = self._dice.request_id()
            fault = self._faults.next(request.path)
            refused_by = self._admit(request, now)
            policy, usage = self._policy, self._usage
        headers = {
            "Date": format_datetime(now, usegmt=True),
            "Content-Type": "application/json; charset=utf-8",
            **rate_headers(policy, usage),
        }
        if refused_by is None:
            reply = _reply(self._answer(world, request, request_id, now), headers)
        else:
            headers |= refusal_headers(policy, usage, now, refused_by)
            reply = _reply(_refusal(refused_by, request_id), headers)
        if fault is not None:
            reply = _struck(reply, fault, request_id)
        self._count(endpoint_of(request.path), reply)
        return replace(reply, delay=reply.delay + self._latency)

    def _answer(self, world: World, request: Request, request_id: str, now: datetime) -> Answer:
        if endpoint_of(request.path) == "exports" and is_authorized(self._rules, request):
            return self._exports.answer(world, request, request_id, now)
        return answer(world, self._rules, request, request_id)

    def _admit(self, request: Request, now: datetime) -> Refusal | None:
        """Spend one call; a stranger spends nothing of ours."""
        if not is_authorized(self._rules, request):
            self._usage = current(self._policy, self._usage, now)
            return None
        self._usage, refused_by = admit(self._policy, self._usage, now)
        return refused_by

    def _count(self, endpoint: str, reply: Reply) -> None:
        answered = reply.ending in {"whole", "cut"}
        with self._lock:
            self._endpoints[endpoint] += 1
            self._statuses[reply.status if answered else NO_ANSWER] += 1


def _reply(found: Answer, headers: dict[str, str]) -> Reply:
    if isinstance(found.body, str):
        csv = {"Content-Type": "text/csv; charset=utf-8"}
        return Reply(found.status, headers | csv, found.body.encode())
    return Reply(found.status, headers, _as_bytes(found.body))


def _as_bytes(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _refusal(refused_by: Refusal, request_id: str) -> Answer:
    message = "Too many requests hit the API too quickly."
    details = f"API limit reached: {refused_by}"
    return Answer(429, error_body(429, "too_many_requests", message, details, request_id))


def _struck(reply: Reply, fault: Fault, request_id: str) -> Reply:
    """The reply after a fault."""
    match fault.kind:
        case "status":
            return _scripted(reply, fault, request_id)
        case "delay":
            return replace(reply, delay=fault.seconds)
        case "html":
            headers = reply.headers | {"Content-Type": "text/html; charset=utf-8"}
            return replace(reply, status=200, headers=headers, body=_HTML)
        case "bad-json":
            return replace(reply, status=200, body=reply.body[: len(reply.body) // 2])
        case _:
            return replace(reply, ending=_ENDINGS[fault.kind])


def _scripted(reply: Reply, fault: Fault, request_id: str) -> Reply:
    known = {status.value: status.phrase for status in HTTPStatus}
    phrase = known.get(fault.status, "Unknown error")
    key = fault.key or phrase.lower().replace(" ", "_").replace("-", "_")
    body = error_body(fault.status, key, phrase, "Ordered by a fault script", request_id)
    ours = {"Retry-After": fault.retry_after, "X-Rate-Limit-Type": fault.limit_type}
    headers = {name: value for name, value in reply.headers.items() if name not in ours}
    headers |= {name: value for name, value in ours.items() if value is not None}
    return replace(reply, status=fault.status, headers=headers, body=_as_bytes(body))
