"""One call in, one answer out: the playground's HTTP API without any sockets.

Contract: pure. Rests on the vendor's pages "List Customers", "List Customer Activity", "List
Customer's Redeemables", "List Member's Holders", "List Vouchers", "Authentication" and "Errors".
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from sync.playground.listings import (
    RoleFilter,
    UnknownError,
    UnknownType,
    activity_page,
    customer_of,
    holders_page,
    redeemables_page,
)
from sync.playground.page_lists import customers_page, vouchers_page
from sync.playground.payloads import customer_body, error_body
from sync.playground.query import BadQueryError, Query
from sync.playground.values import Json
from sync.playground.world import World

_ROUTES = (
    ("customers", re.compile(r"/v1/customers")),
    ("customer", re.compile(r"/v1/customers/([^/]+)")),
    ("activity", re.compile(r"/v1/customers/([^/]+)/activity")),
    ("redeemables", re.compile(r"/v1/customers/([^/]+)/redeemables")),
    ("holders", re.compile(r"/v1/referrals/members/([^/]+)/holders")),
    ("vouchers", re.compile(r"/v1/vouchers")),
    ("exports", re.compile(r"/v1/exports(?:/[^/]+)?")),
)
_MESSAGES = {
    "unauthorized": "Unauthorized",
    "not_found": "Resource not found",
    "method_not_allowed": "Method not allowed",
    "invalid_query_params": "Invalid query params",
    "invalid_payload": "Invalid payload",
    "invalid_export_fields": "Invalid Export",
}
OTHER = "other"
"""The endpoint that calls to unknown paths are counted under."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may call, and what filters do that are not proven to work."""

    app_id: str
    app_token: str
    unknown_type: UnknownType
    role_filter: RoleFilter = "works"


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in; `path` and `query` are still percent-encoded."""

    method: str
    path: str
    query: str
    app_id: str | None
    app_token: str | None
    host: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and a JSON body or the text of a CSV file."""

    status: int
    body: Json | str


def endpoint_of(path: str) -> str:
    """The short name: customers, customer, activity, redeemables, holders, vouchers, … or other."""
    return _route(path)[0]


def is_authorized(rules: Rules, request: Request) -> bool:
    """Whether the call shows the right pair of X-App-Id and X-App-Token."""
    return (request.app_id, request.app_token) == (rules.app_id, rules.app_token)


def answer(world: World, rules: Rules, request: Request, request_id: str) -> Answer:
    """What the vendor documents for this call; `request_id` goes into error bodies.

    Exports are not answered here: they outlive a call.
    """
    endpoint, reference = _route(request.path)
    if not is_authorized(rules, request):
        return refusal(401, "unauthorized", "Authentication failed", request_id)
    if endpoint == OTHER:
        return refusal(404, "not_found", "Unknown path", request_id)
    if request.method != "GET":
        details = f"{request.method} is not served here"
        return refusal(405, "method_not_allowed", details, request_id)
    try:
        return Answer(200, _page(world, rules, endpoint, reference, Query(request.query)))
    except BadQueryError as bad:
        return refusal(400, "invalid_query_params", str(bad), request_id)
    except UnknownError as unknown:
        about = {"resource_id": unknown.resource_id, "resource_type": unknown.resource_type}
        return refusal(404, "not_found", str(unknown), request_id, **about)


def refusal(code: int, key: str, details: str, request_id: str, **about: str) -> Answer:
    """An error as the vendor words it; `about` names what it is about."""
    return Answer(code, error_body(code, key, _MESSAGES[key], details, request_id) | about)


def _route(path: str) -> tuple[str, str]:
    for endpoint, pattern in _ROUTES:
        match = pattern.fullmatch(path)
        if match:
            return endpoint, unquote(match[1]) if match.groups() else ""
    return OTHER, ""


def _page(world: World, rules: Rules, endpoint: str, reference: str, query: Query) -> Json:
    match endpoint:
        case "customers":
            return customers_page(world, query)
        case "customer":
            return customer_body(customer_of(world, reference))
        case "activity":
            return activity_page(world, reference, query, rules.unknown_type)
        case "redeemables":
            return redeemables_page(world, reference, query)
        case "holders":
            return holders_page(world, reference, query, rules.role_filter)
        case _:
            return vouchers_page(world, query)
