"""Any HTTP endpoint as a CRM: each unassignment is one signed POST.

For everything that has no adapter of its own: a flow of Zapier, Make or n8n, the gateway of a
queue, an own service. What is sent and what an answer means is in `envelope`; a receiver for
a start is `config/http_receiver.example.py`.

A repeat has the same id, so whoever remembers ids sees each unassignment once. Nothing can be read
back: that the receiver ends the assignment, and only this one, is its promise.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from random import Random
from typing import ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from sync.crm.adapter import (
    API_VERSION,
    Capability,
    CredentialsRefusedError,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)
from sync.crm.http.envelope import (
    CONTENT_TYPES,
    PLAIN_JSON,
    SECRET_SETTING,
    Verdict,
    envelope,
    judge,
    judge_check,
    message_id,
    signed_headers,
)
from sync.crm.web import Unpaced, read_as, required
from sync.errors import UnavailableError
from sync.model.address import parse_endpoint
from sync.model.patience import Patience
from sync.transport import Answer, Call, Transport, pause

URL_SETTING = "CRM_HTTP_URL"
CONTENT_TYPE_SETTING = "CRM_HTTP_CONTENT_TYPE"

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
BATCH = 20
"""Unassignments at once, each of them a call.

What a batch answered is stored after its last call. So few, for what a stop may cost: at 0.2 s a
call, a batch is whole within the four seconds that a stop leaves it. And where the receiver limits
its calls, few that were not tried count as tried. Not fewer, since a whole batch that fails ends
the delivery: a row of unassignments that break the receiver must not pass for that.
"""
LOST_IN_A_ROW = 3
"""Calls that nobody answered after which a batch is given up: each may have cost 20 s."""

Accepted = TypeVar("Accepted")

_SECRET = re.compile(r"[!-~]{16,}")


class HttpAdapter:
    """One endpoint that takes unassignments.

    Args:
        url: as `parse_endpoint` accepts it.
        secret: the key of the signature.
        now: the local time, which a signature is good for.
        content_type: how the message is announced, one of `CONTENT_TYPES`.
        patience: time-outs and attempts of one call.
        wait: waits the given seconds between two attempts.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset(
        {URL_SETTING, SECRET_SETTING, CONTENT_TYPE_SETTING}
    )

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        now: Callable[[], datetime],
        content_type: str = PLAIN_JSON,
        patience: Patience = PATIENCE,
        wait: Callable[[float], None] = pause,
    ) -> None:
        self._url = url
        self._secret = secret
        self._now = now
        self._content_type = content_type
        self._transport = Transport(
            headers={"Accept": "application/json", "User-Agent": "holdersync"},
            pacer=Unpaced(),
            patience=patience,
            wait=wait,
            random=Random(),  # noqa: S311 - jitter, no secret
            needs_body=False,
        )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from `CRM_HTTP_URL`, `CRM_HTTP_SECRET` and `CRM_HTTP_CONTENT_TYPE`."""
        url, secret = required(env, URL_SETTING, SECRET_SETTING)
        content_type = env.get(CONTENT_TYPE_SETTING, "").strip() or PLAIN_JSON
        return cls(
            read_as(parse_endpoint, URL_SETTING, url),
            read_as(_parse_secret, SECRET_SETTING, secret),
            now=lambda: datetime.now(UTC),
            content_type=read_as(_parse_content_type, CONTENT_TYPE_SETTING, content_type),
        )

    @property
    def destination(self) -> str:
        """`http-` and a fingerprint of the URL; a new secret changes nothing."""
        return f"http-{sha256(self._url.encode()).hexdigest()[:8]}"

    @property
    def place(self) -> str:
        """Its host only: at Zapier or Make the path is a key, elsewhere the query may be one."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Only what concerns ourselves: what is behind the endpoint can't be looked at."""
        return frozenset({Capability.SIZES_BATCHES})

    def batch_size(self, _due: int) -> int:
        """Give `BATCH`."""
        return BATCH

    def check(self) -> Sequence[str]:
        """Prove that somebody answers there, and doesn't refuse us.

        The question is OPTIONS, signed over an empty body: it changes nothing, and a receiver that
        verifies it tells a wrong secret before the first run.
        """
        try:
            call = Call(self._url, method="OPTIONS", headers=self._signed(b""))
            return self._call(call, judge_check)
        except UnavailableError as error:
            msg = (
                f"{URL_SETTING}: nobody answers there: {error}. See that the receiver is up, and "
                "that this machine may reach its host and port"
            )
            raise TellUserError(msg) from None

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Post each unassignment; once the receiver is down or busy, the rest is not tried.

        What a person must mend is told by an error only where no outcome would be lost by it: else
        the rest is `RETRY`, and the next batch meets it at its first call.
        """
        outcomes: list[Outcome] = []
        lost = 0
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
                break
        return [*outcomes, *outcomes[-1:] * (len(batch) - len(outcomes))]

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _told(self, unassignment: Unassignment) -> Verdict:
        body = envelope(unassignment)
        headers = {
            "Content-Type": self._content_type,
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
            # What it came from shows the path and the query.
            msg = f"{URL_SETTING}: {error}"
            raise TellUserError(msg) from None


def _parse_secret(text: str) -> str:
    if _SECRET.fullmatch(text) is None:
        msg = "write at least 16 characters of ASCII, without spaces"
        raise ValueError(msg)
    return text


def _parse_content_type(text: str) -> str:
    if text not in CONTENT_TYPES:
        msg = f"write {' or '.join(CONTENT_TYPES)}"
        raise ValueError(msg)
    return text
