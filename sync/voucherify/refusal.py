"""What the body of a refused call says, as far as it can be shown and relied on.

Source: Voucherify documentation, "Errors".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync.transport import Answer

ERROR_KEY = re.compile(r"[a-z]+(_[a-z]+)*", re.ASCII)
REQUEST_ID = re.compile(r"[a-z]{1,3}-[0-9a-f]{8,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error body says, as far as it says it."""

    key: str
    request: str
    resource_type: str | None
    resource_id: str | None


def read_refusal(answer: Answer) -> Refusal:
    """Read an error body; one that is not Voucherify's gives the key `unknown`."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, Mapping) else {}

    def text(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) else None

    return Refusal(
        key=_shown(text("key"), ERROR_KEY),
        request=_shown(text("request_id"), REQUEST_ID),
        resource_type=text("resource_type"),
        resource_id=text("resource_id"),
    )


def said(answer: Answer) -> str:
    """Give a refusal as our own texts show it."""
    refusal = read_refusal(answer)
    return f"{answer.status} {refusal.key} (request {refusal.request})"


def _shown(text: str | None, form: re.Pattern[str]) -> str:
    # Only what has the documented form goes into our own texts: anything else may be a token or a
    # person's data that a body gives back.
    if text and len(text) <= 60 and form.fullmatch(text):  # noqa: PLR2004
        return text
    return "unknown"
