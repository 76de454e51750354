"""HubSpot's answers, judged: what may be asked again, what a person has to do, what was refused.

Sources: HubSpot developer documentation, "Error handling", "Usage guidelines and limits" and
"Account information API" (2026-09). The fields of an error body differ between its pages: each is
optional here.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote

from sync.crm.adapter import CredentialsRefusedError, Outcome, TellUserError
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.web import seconds_asked
from sync.errors import RetryError, UnavailableError
from sync.transport import Accepted, Answer, Call

VERSION = "2026-09"
"""HubSpot's dated version; each is supported for 18 months. The one place that names it."""
BASE_URL = "https://api.hubapi.com"
SETTING = "HUBSPOT_ACCESS_TOKEN"

WAIT_BY_POLICY = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
"""Seconds until a limit of this name lets calls pass again."""
OF_THE_DAY = "DAILY"
ACCEPTED = range(200, 300)
KEY_UNKNOWN = 401
SCOPE_MISSING = 403
TOO_MANY = 429
REDIRECTS = range(300, 400)
SERVER_ERROR = 500
LATER: Mapping[int, float | None] = {408: None, 423: 2.0, 477: None}
"""Too slow, locked, or a migrating account, with the seconds to wait if the answer names none."""
NOBODY = frozenset({"OBJECT_NOT_FOUND", "VALIDATION_ERROR"})
"""What the errors of a 207 call somebody who is not there, and a value that nobody can have."""
COMPLETE = "COMPLETE"
"""The status of a batch that is done."""
LONGEST_WORD = 60
DAY_USED_UP_FOR = timedelta(hours=1)
"""When to look again after the day's calls were used up: whose midnight counts is not told."""


class Sender(Protocol):
    """What sends; the transport, or a test's stand-in."""

    def send(self, call: Call, judge: Callable[[Answer], Accepted]) -> Accepted:
        """Give what `judge` makes of an answer."""


class RefusedError(Exception):
    """HubSpot refused one request for what is in it; the text names status and category only."""

    def __init__(self, status: int, category: str) -> None:
        super().__init__(f"HubSpot refuses it ({status} {category})")
        self.status = status


class _UsedUpError(Exception):
    """The day's calls are used up."""


@dataclass(frozen=True, slots=True)
class HubSpotApi:
    """Asks one account.

    Args:
        reading: sends what only reads; holds the token.
        writing: sends what writes; it gives up sooner, since time passes after the reading.
        scopes: what the token has to be allowed, for a person who has to allow it.
        base_url: scheme and host.
    """

    reading: Sender
    writing: Sender
    scopes: str
    base_url: str = BASE_URL

    def get(self, *path: str, **params: str) -> Mapping[str, Any]:
        """Get a path's segments, each of them escaped; raises as `look_up` does."""
        return self._ask(self.reading, Call(self._url(path), tuple(params.items())))

    def look_up(self, *path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        """Post a question to a path's segments.

        Raises:
            CrmBusyError: HubSpot is down, busy, or over its limit.
            CredentialsRefusedError: it refuses the token, or the token lacks a scope.
            TellUserError: it is not asked where it is.
            RefusedError: it refuses this request.
        """
        return self._ask(self.reading, self._with_body("POST", path, body))

    def post(self, *path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        """Post a change to a path's segments; raises as `look_up` does."""
        return self._ask(self.writing, self._with_body("POST", path, body))

    def patch(self, *path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        """Patch a path's segments; raises as `look_up` does."""
        return self._ask(self.writing, self._with_body("PATCH", path, body))

    def _with_body(self, method: str, path: Sequence[str], body: Mapping[str, object]) -> Call:
        headers = {"Content-Type": "application/json"}
        return Call(self._url(path), (), method, headers, json.dumps(body).encode())

    def _url(self, path: Sequence[str]) -> str:
        return "/".join((self.base_url, *(quote(part, safe="") for part in path)))

    def _ask(self, sender: Sender, call: Call) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = sender.send(call, self._judged)
        except UnavailableError as error:
            raise CrmBusyError(Outcome.retry(str(error), _asked_for(error.__cause__))) from error
        except _UsedUpError:
            used_up = Outcome.retry("HubSpot's calls of the day are used up", DAY_USED_UP_FOR)
            raise CrmBusyError(used_up) from None
        return found

    def _judged(self, answer: Answer) -> Mapping[str, Any]:
        """Give an answer's JSON object, or the error that says what follows."""
        body = _object(answer.body)
        if answer.status in ACCEPTED:
            if body is None:
                msg = "HubSpot answered with something that is no JSON object"
                raise RetryError(msg)
            return body
        told = body or {}
        if answer.status == TOO_MANY:
            raise _over_a_limit(answer, told)
        if answer.status in LATER or answer.status >= SERVER_ERROR:
            msg = f"HubSpot answered {answer.status}"
            raise RetryError(msg, after=seconds_asked(answer) or LATER.get(answer.status))
        self._tell_a_person(answer.status)
        category = _word(told.get("category")) or _word(told.get("errorType")) or "unknown"
        raise RefusedError(answer.status, category)

    def _tell_a_person(self, status: int) -> None:
        if status == KEY_UNKNOWN:
            msg = f"HubSpot does not know the token of {SETTING} ({status}): copy it again"
            raise CredentialsRefusedError(msg)
        if status == SCOPE_MISSING:
            msg = (
                f"HubSpot forbids it to the token of {SETTING} ({status}). See that its scopes are "
                f"{self.scopes}"
            )
            raise CredentialsRefusedError(msg)
        if status in REDIRECTS:
            msg = "HUBSPOT_BASE_URL leads to a redirect: name the address that it leads to"
            raise TellUserError(msg)


def category_of(error: Mapping[str, Any]) -> str:
    """Give the category of one error in an answer, a word of HubSpot's, or nothing."""
    return _word(error.get("category"))


def named_by(error: Mapping[str, Any]) -> list[str]:
    """Give the ids that one error in an answer names."""
    context = error.get("context")
    ids = context.get("ids") if isinstance(context, Mapping) else None
    return [str(each) for each in ids] if isinstance(ids, list) else []


def rows_of(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Give the objects of a list in an answer; what is none is left out."""
    rows = body.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def require_whole(answer: Mapping[str, Any]) -> None:
    """See that an answer has rows, and all of them."""
    if not isinstance(answer.get("results"), list) or answer.get("status", COMPLETE) != COMPLETE:
        raise CrmBusyError(Outcome.retry("HubSpot gave no whole answer to a question"))


def unread_in(answer: Mapping[str, Any]) -> Mapping[str, Outcome]:
    """Give the ids that are not among the rows, and yet may be there, with what follows.

    Raises:
        CrmBusyError: it is not told which they are.
    """
    unread: dict[str, Outcome] = {}
    for error in rows_of(answer, "errors"):
        category = category_of(error)
        if category and category not in NOBODY:
            later = Outcome.retry(f"HubSpot could not read all of a batch ({category})")
            ids = named_by(error)
            if not ids:
                raise CrmBusyError(later)
            unread |= dict.fromkeys(ids, later)
    return unread


def _asked_for(error: BaseException | None) -> timedelta | None:
    seconds = error.after if isinstance(error, RetryError) else None
    return None if seconds is None else timedelta(seconds=seconds)


def _over_a_limit(answer: Answer, told: Mapping[str, Any]) -> Exception:
    policy = _word(told.get("policyName"))
    if policy == OF_THE_DAY:
        return _UsedUpError()
    after = seconds_asked(answer) or WAIT_BY_POLICY.get(policy)
    return RetryError(f"HubSpot's rate limit was met ({policy or 'unnamed'})", after=after)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _word(value: object) -> str:
    """Give a word of HubSpot's own; anything else may be what a body gives back."""
    if not isinstance(value, str) or len(value) > LONGEST_WORD or not value.isupper():
        return ""
    return value if value.replace("_", "").isalpha() else ""
