"""Salesforce's answers, judged: what may be asked again, what a person has to do, what was refused.

Calls go to the org's own host and to no other, whatever an answer names. A session that ended is
renewed once for a call. The org's calls of 24 hours are shared with all its other programs, so the
last tenth of them is left alone.

Sources: REST API Developer Guide, "Status Codes and Error Responses", "Headers | Limit Info
Header" and "Headers | Assignment Rule Header"; Salesforce Developer Limits, "API Request Limits and
Allocations".
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from typing import Any
from urllib.parse import quote

from sync.crm.adapter import CredentialsRefusedError, Outcome, TellUserError
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.salesforce.login import URL, Session
from sync.crm.web import seconds_asked
from sync.errors import RetryError, UnavailableError
from sync.transport import Accepted, Answer, Call, Transport

VERSION = "v66.0"
"""The one place that names a version; each is served for three years at least."""

RESERVE = 0.1
"""The share of the org's calls that is left for others."""
UNTIL_SOME_RETURN = timedelta(hours=1)
"""When to look again after the calls of 24 hours were used up; they come back hour by hour."""
UNTIL_LESS_BUSY = timedelta(minutes=5)
"""When to look again after too many calls ran at once."""

CHANGES = "PATCH"
KEEPS_OWNERS = {"Sforce-Auto-Assign": "FALSE"}
"""Without it a lead or account that is changed goes to whom the org's assignment rules name."""
NO_CONTENT = 204
ACCEPTED = frozenset({200, 201, 202, NO_CONTENT})
SEVERAL = 300
SESSION_ENDED = 401
FORBIDDEN = 403
REDIRECTS = range(301, 400)
TRANSIENT = frozenset({408, 420, 429})
SERVER_ERROR = 500
LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
OF_A_RECORD = "INSUFFICIENT_ACCESS"
"""How the codes of a 403 begin that is about one record and not about the user."""

_USAGE = re.compile(r"(?<![\w-])api-usage=(\d{1,12})/(\d{1,12})(?!\d)")
_WORD = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


class RefusedError(Exception):
    """Salesforce refused one request for what is in it; `fields` are those that it names."""

    def __init__(self, status: int, code: str, *, names_fields: bool = False) -> None:
        super().__init__(f"Salesforce refuses it ({status} {code})")
        self.status = status
        self.code = code
        self.names_fields = names_fields


class _SessionEndedError(Exception):
    """The token is no longer taken."""


class Limits:
    """What is left of the org's calls, as the answers tell it.

    Args:
        clock: seconds that never jump.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = clock()
        self._refusal = Outcome.retry("Salesforce's calls are used up")

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells."""
        told = _USAGE.search(headers.get("Sforce-Limit-Info", ""))
        if told and int(told[1]) >= int(told[2]) * (1 - RESERVE):
            self.stop("Salesforce's calls of 24 hours are nearly used up", UNTIL_SOME_RETURN)

    def stop(self, reason: str, after: timedelta) -> None:
        """Make no call for this long."""
        self._refusal = Outcome.retry(reason, after)
        self._until = self._clock() + after.total_seconds()

    def require_left(self) -> None:
        """Let a call pass.

        Raises:
            CrmBusyError: no call is made now.
        """
        if self._clock() < self._until:
            raise CrmBusyError(self._refusal)


class SalesforceApi:
    """Asks one org.

    Args:
        reading: sends what reads.
        writing: sends what changes a record.
        base_url: the org's own host.
        session: gives the token.
        limits: what is left of the org's calls.
    """

    def __init__(
        self,
        reading: Transport,
        writing: Transport,
        base_url: str,
        session: Session,
        limits: Limits,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._base_url = base_url
        self._session = session
        self._limits = limits

    def ask(
        self,
        method: str,
        *path: str,
        body: object = None,
        urgent: bool = False,
        **params: str,
    ) -> Any:  # noqa: ANN401 - JSON
        """Give the JSON of an answer, None for a 204; the path's segments are escaped.

        `urgent` is for what ends something that was begun: it leaves no call to others.

        Raises:
            CrmBusyError: Salesforce is down, busy, or over its limit.
            CredentialsRefusedError: it refuses the app, or its user.
            RefusedError: it refuses this request.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json", **KEEPS_OWNERS}
        call = Call(self._url(path), tuple(params.items()), method, headers, data)
        return self._ask(call, _json, urgent=urgent)

    def put_csv(self, *path: str, text: str) -> None:
        """Put a file of rows; raises as `ask` does."""
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        call = Call(self._url(path), (), "PUT", headers, text.encode())
        self._ask(call, lambda _answer: None, urgent=True)

    def get_csv(self, *path: str) -> str:
        """Get a file of rows; raises as `ask` does."""
        call = Call(self._url(path), headers={"Accept": "text/csv"})
        return self._ask(call, _text, urgent=True)

    def _url(self, path: tuple[str, ...]) -> str:
        parts = (quote(part, safe="") for part in path)
        return "/".join((self._base_url, "services", "data", VERSION, *parts))

    def _ask(self, call: Call, read: Callable[[Answer], Accepted], *, urgent: bool) -> Accepted:
        def judge(answer: Answer) -> Accepted:
            self._limits.observe(answer.headers)
            require_accepted(answer)
            return read(answer)

        if not urgent:
            self._limits.require_left()
        transport = self._writing if call.method == CHANGES else self._reading
        try:
            try:
                return transport.send(self._with_token(call), judge)
            except _SessionEndedError:
                self._session.forget()
                return transport.send(self._with_token(call), judge)
        except _SessionEndedError:
            msg = "Salesforce ends each session at once (401): see the app's session policies"
            raise CredentialsRefusedError(msg) from None
        except UnavailableError as error:
            raise CrmBusyError(Outcome.retry(str(error))) from error
        except CrmBusyError as busy:
            self._limits.stop(str(busy), busy.outcome.after or UNTIL_LESS_BUSY)
            raise

    def _with_token(self, call: Call) -> Call:
        headers = {**call.headers, "Authorization": f"Bearer {self._session.token()}"}
        return Call(call.url, call.params, call.method, headers, call.body)


def require_accepted(answer: Answer) -> None:
    """Let an answer pass that Salesforce gives to what it does, or say by an error what follows."""
    status = answer.status
    if status in ACCEPTED:
        return
    told = _first_error(answer.body)
    code = _code(told.get("errorCode"))
    if status == SESSION_ENDED:
        raise _SessionEndedError
    if code == LIMIT_EXCEEDED:
        raise CrmBusyError(_over_limit(told))
    if status == FORBIDDEN and not code.startswith(OF_A_RECORD):
        msg = (
            f"Salesforce refuses the user of the app ({status} {code}): give it the permission "
            "API Enabled, and access to the object of the mapping"
        )
        raise CredentialsRefusedError(msg)
    if status in TRANSIENT or status >= SERVER_ERROR:
        msg = f"Salesforce answered {status}"
        raise RetryError(msg, after=seconds_asked(answer))
    if status in REDIRECTS:
        msg = f"{URL} leads to a redirect: write the My Domain that it leads to, if you trust it"
        raise TellUserError(msg)
    raise RefusedError(status, code, names_fields=bool(told.get("fields")))


def _over_limit(told: Mapping[str, Any]) -> Outcome:
    if "concurrent" in str(told.get("message")).casefold():
        return Outcome.retry("too many calls run in Salesforce at once", UNTIL_LESS_BUSY)
    return Outcome.retry("Salesforce's calls of 24 hours are used up", UNTIL_SOME_RETURN)


def _json(answer: Answer) -> Any:  # noqa: ANN401 - JSON
    if answer.status == NO_CONTENT:
        return None
    try:
        told = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        told = None
    if told is None:
        msg = "Salesforce answered with something that is no JSON, or tells nothing"
        raise RetryError(msg)
    return told


def _text(answer: Answer) -> str:
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        msg = "Salesforce answered with something that is no text"
        raise RetryError(msg) from None


def _first_error(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    first = found[0] if isinstance(found, list) and found else found
    return first if isinstance(first, dict) else {}


def _code(value: object) -> str:
    """Give a status word of Salesforce's own; anything else may be what a body gives back."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "unknown"
