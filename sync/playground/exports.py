"""Exports of vouchers: made, looked at, and got as a CSV file with the token of their address.

Rests on the vendor's pages "Create Export", "Get Export" and "Download Export", whose example heads
the columns with titles. Contract: safe for many threads. An export shows the world as it was when
it was made, and is done when it is looked at for the second time.
"""

import csv
import io
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from sync.playground.api import Answer, Request, refusal
from sync.playground.dice import Dice, stamp
from sync.playground.values import Json, Voucher
from sync.playground.world import World

_PATH = "/v1/exports"
_LOOKS = 2
_TITLES = {
    "id": "ID",
    "code": "Code",
    "campaign": "Campaign",
    "campaign_id": "Campaign ID",
    "customer_id": "Customer ID",
    "created_at": "Created At",
    "updated_at": "Updated At",
    "is_referral_code": "Is Referral Code",
}
"""The fields that the playground can export, and how their columns are headed."""


class _BadExportError(Exception):
    """What the vendor refuses with 400, by its key and details."""

    def __init__(self, key: str, details: str) -> None:
        super().__init__(details)
        self.key = key


@dataclass(slots=True)
class _Export:
    body: Json
    file: str
    token: str
    looks: int = 0


class Exports:
    """Keeps the exports of one playground, and answers all calls about them."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._exports: dict[str, _Export] = {}
        self._lock = threading.Lock()

    def answer(self, world: World, request: Request, request_id: str, now: datetime) -> Answer:
        """Answer one authorized call to `/v1/exports`, or to one below it."""
        export_id = request.path.removeprefix(_PATH).removeprefix("/")
        with self._lock:
            if export_id:
                return self._get(export_id, request, request_id)
            if request.method != "POST":
                details = f"{request.method} is not served here"
                return refusal(405, "method_not_allowed", details, request_id)
            try:
                return self._make(world, request.body, now)
            except _BadExportError as bad:
                return refusal(400, bad.key, str(bad), request_id)

    def _make(self, world: World, body: bytes, now: datetime) -> Answer:
        wanted = _wanted(body)
        export_id = self._dice.long_id("exp")
        made: Json = {
            "id": export_id,
            "object": "export",
            "created_at": stamp(now),
            "status": "SCHEDULED",
            "channel": "API",
            "exported_object": "voucher",
            "parameters": wanted,
            "result": None,
            "user_id": None,
        }
        file = _file(world.vouchers_by_creation, wanted["fields"], _is_referral(wanted["filters"]))
        self._exports[export_id] = _Export(made, file, self._dice.letters(40))
        return Answer(200, made)

    def _get(self, export_id: str, request: Request, request_id: str) -> Answer:
        export = self._exports.get(export_id)
        if request.method != "GET":
            details = f"{request.method} is not served here"
            return refusal(405, "method_not_allowed", details, request_id)
        if export is None:
            details = f"Cannot find export with id {export_id}"
            about = {"resource_id": export_id, "resource_type": "export"}
            return refusal(404, "not_found", details, request_id, **about)
        tokens = parse_qs(request.query).get("token")
        if tokens is not None:
            is_right = tokens == [export.token]
            details = "Authentication failed"
            return (
                Answer(200, export.file)
                if is_right
                else refusal(401, "unauthorized", details, request_id)
            )
        export.looks += 1
        if export.looks < _LOOKS:
            return Answer(200, {**export.body, "status": "IN_PROGRESS"})
        url = f"http://{request.host}{_PATH}/{export_id}?token={export.token}"
        return Answer(200, {**export.body, "status": "DONE", "result": {"url": url}})


def _wanted(body: bytes) -> Json:
    """The parameters of a new export, with the vendor's defaults.

    Raises:
        _BadExportError: the body is not as documented, or asks for what can't be exported here.
    """
    payload, unknown_fields = "invalid_payload", "invalid_export_fields"
    try:
        asked = json.loads(body)
        parameters = dict(asked.get("parameters", {}))
        fields = list(parameters.get("fields", ["id", "code"]))
        filters = dict(parameters.get("filters", {}))
        _is_referral(filters)
    except (ValueError, TypeError, AttributeError, LookupError):
        raise _BadExportError(payload, "The body is not of the documented form") from None
    if asked.get("exported_object") != "voucher":
        raise _BadExportError(payload, "Property .exported_object should be voucher")
    if not all(field in _TITLES for field in fields):
        details = f"Unsupported field used. Allowed fields: {', '.join(_TITLES)}"
        raise _BadExportError(unknown_fields, details)
    if not filters.keys() <= {"junction", "is_referral_code"}:
        raise _BadExportError(payload, "The playground filters by is_referral_code only")
    return {**parameters, "fields": fields, "filters": filters}


def _is_referral(filters: Mapping[str, Mapping[str, Mapping[str, list[object]]]]) -> set[bool]:
    """Which kinds of codes are wanted."""
    if "is_referral_code" not in filters:
        return {True, False}
    values = filters["is_referral_code"]["conditions"]["$is"]
    return {str(value).lower() == "true" for value in values}


def _file(vouchers: Sequence[Voucher], fields: Sequence[str], kinds: set[bool]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_TITLES[field] for field in fields])
    for one in vouchers:
        if one.campaign.is_referral in kinds:
            cells = _cells(one)
            writer.writerow([cells[field] for field in fields])
    return text.getvalue()


def _cells(voucher: Voucher) -> dict[str, str]:
    return {
        "id": voucher.voucher_id,
        "code": voucher.code,
        "campaign": voucher.campaign.name,
        "campaign_id": voucher.campaign.campaign_id,
        "customer_id": voucher.owner_id,
        "created_at": stamp(voucher.created_at),
        "updated_at": stamp(voucher.updated_at),
        "is_referral_code": str(voucher.campaign.is_referral).lower(),
    }
