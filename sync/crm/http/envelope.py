"""One unassignment as a signed message, and what a receiver's answer to it means; no I/O.

An answer is judged by its status. Only a 200 may say more in its body: a JSON object whose
`result` is one of the contract's words. Nothing else of a body is looked at, and none of it is
repeated, since it may give a person's data back.

Sources: CloudEvents 1.0.2, "Required Attributes" and "JSON Event Format"; RFC 9110, 10.2.3
(`Retry-After`) and 15 (status codes); the IETF draft "The Idempotency-Key HTTP Header Field", 2.7
(409 while the first call of that key is still at work).
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote

from sync.crm.adapter import (
    CredentialsRefusedError,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)
from sync.errors import RetryError
from sync.transport import Answer

SECRET_SETTING = "CRM_HTTP_SECRET"  # noqa: S105 - its name

PLAIN_JSON = "application/json"
"""By default: n8n, for one, takes a body of another type for an empty one, and says it is fine."""
CONTENT_TYPES = (PLAIN_JSON, "application/cloudevents+json")
"""How the same bytes may be announced; the latter is what a library of CloudEvents looks for."""
SOURCE = "/holdersync"
TYPE = "holdersync.unassignment.v1"
"""The version is that of `data`: fields may be added to it, none is taken away or changed."""

LONGEST_WAIT = timedelta(days=1)
"""A `Retry-After` beyond it is taken for this, so that a slip of a receiver delays and no more."""
LONGEST_NUMBER = 10

OK = 200
TOO_MANY = 429
SUCCESSES = range(200, 300)
REDIRECTS = range(300, 400)
NOT_HERE = frozenset({404, 405, 410})
REFUSES_SENDER = frozenset({401, 403})
NOBODY_BEHIND = frozenset({502, 503, 504})
TRANSIENT = frozenset({408, 409, 425, TOO_MANY})
FAILURES = range(500, 600)
TOLD_APART = range(200, 500)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means for one unassignment.

    `stops`: the receiver wants to be left alone, so the next one is not tried now.
    """

    outcome: Outcome
    stops: bool = False


def message_id(unassignment: Unassignment) -> str:
    """Name one unassignment: the same at each repeat, another one when a later event tells it anew.

    The assignment's id alone would not do: a receiver that remembers ids must not take the second
    end of an assignment, which somebody opened again, for a repeat of the first.

    It stands in a header too, so what can't stand there is written as in a URL.
    """
    ids = (unassignment.holder_id, unassignment.event_id)
    return ":".join(quote(each, safe="", errors="surrogatepass") for each in ids)


def envelope(unassignment: Unassignment) -> bytes:
    """Write the CloudEvent; the same unassignment gives the same bytes.

    It is read from the ledger before each try, so a later one may name a newer assignment that was
    not known before.
    """
    event = {
        "specversion": "1.0",
        "id": message_id(unassignment),
        "source": SOURCE,
        "type": TYPE,
        "subject": unassignment.holder_id,
        "time": _instant(unassignment.unassigned_at),
        "datacontenttype": "application/json",
        "data": _data(unassignment),
    }
    return json.dumps(event, separators=(",", ":")).encode("ascii")


def signed_headers(secret: str, body: bytes, sent_at: datetime) -> Mapping[str, str]:
    """Give the headers that prove who sent this body, and when."""
    timestamp = f"{int(sent_at.timestamp())}"
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, sha256).hexdigest()
    return {"X-Holdersync-Timestamp": timestamp, "X-Holdersync-Signature": f"v1={signature}"}


def judge(answer: Answer, now: datetime) -> Verdict:
    """Say what the answer to one unassignment means.

    Raises:
        CredentialsRefusedError: the receiver refuses the sender.
        TellUserError: nothing receives unassignments at this address.
        RetryError: the same call may succeed a little later.
    """
    status = answer.status
    _require_receiver(status)
    if status in NOT_HERE:
        msg = f"nothing takes unassignments there ({status}): correct the address, or the receiver"
        raise TellUserError(msg)
    wait = _wait_of(answer, now)
    if status not in TRANSIENT and status in TOLD_APART:
        return Verdict(_outcome(answer, wait))
    reason = f"the receiver answered {status}"
    if status == TOO_MANY or wait is not None:
        return Verdict(Outcome.retry(reason, wait), stops=True)
    if status in FAILURES and status not in NOBODY_BEHIND:
        # As likely about this one as about all: the next run asks again, the others go on.
        return Verdict(Outcome.retry(reason))
    raise RetryError(reason)


def judge_check(answer: Answer) -> Sequence[str]:
    """Accept whatever a receiver may answer to a question that it need not know.

    Gives what the answer does not prove.

    Raises:
        CredentialsRefusedError: the receiver refuses the sender.
        TellUserError: it answers from elsewhere, or only something in front of it answers.
    """
    _require_receiver(answer.status)
    if answer.status in NOBODY_BEHIND:
        msg = f"no receiver behind that address ({answer.status}): start it, then check again"
        raise TellUserError(msg)
    not_proven = ["what the receiver does with an unassignment, and that it verifies the signature"]
    if answer.status not in SUCCESSES:
        told = f"that POST is taken at this address: the question, OPTIONS, got {answer.status}"
        not_proven.append(told)
    return not_proven


def _require_receiver(status: int) -> None:
    if status in REFUSES_SENDER:
        msg = (
            f"the receiver refuses the sender ({status}): see that {SECRET_SETTING} is the one "
            "that it knows, and that the clocks of both sides are right"
        )
        raise CredentialsRefusedError(msg)
    if status in REDIRECTS:
        msg = (
            f"the receiver answers with a redirect ({status}), which is not followed: give the "
            "address that it leads to, if you trust it"
        )
        raise TellUserError(msg)


def _outcome(answer: Answer, wait: timedelta | None) -> Outcome:
    if answer.status not in SUCCESSES:
        return Outcome.rejected(f"the receiver refuses it ({answer.status})")
    result = _result(answer.body) if answer.status == OK else Result.REMOVED
    if result is Result.RETRY:
        return Outcome.retry("the receiver says so: retry", wait)
    if result is Result.REJECTED:
        return Outcome.rejected("the receiver says so: rejected")
    return Outcome(result)


def _result(body: bytes) -> Result:
    try:
        told = json.loads(body)
        return Result(told["result"]) if isinstance(told, Mapping) else Result.REMOVED
    except (KeyError, ValueError, RecursionError):
        return Result.REMOVED


def _wait_of(answer: Answer, now: datetime) -> timedelta | None:
    """Read `Retry-After`, a number of seconds or a date; None if it names no wait.

    A date counts from the receiver's own `Date` where it has one, so that a wrong clock of either
    side changes nothing.
    """
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
        wait = timedelta(seconds=int(text))
    else:
        until = _http_date(text)
        if until is None:
            return None
        wait = until - (_http_date(answer.headers.get("Date")) or now)
    return min(wait, LONGEST_WAIT) if wait > timedelta() else None


def _http_date(text: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text or "")
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _data(unassignment: Unassignment) -> Mapping[str, str | None]:
    return {
        "holder_id": unassignment.holder_id,
        "event_id": unassignment.event_id,
        "role": unassignment.role,
        "customer_id": unassignment.customer_id,
        "source_id": unassignment.source_id,
        "email": unassignment.email,
        "voucher_id": unassignment.voucher_id,
        "code": unassignment.code,
        "campaign_id": unassignment.campaign_id,
        "campaign_name": unassignment.campaign_name,
        "assigned_at": _instant(unassignment.assigned_at),
        "unassigned_at": _instant(unassignment.unassigned_at),
        "superseded_by": unassignment.superseded_by,
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
