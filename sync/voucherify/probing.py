"""Harmless questions to the live API, about what its documentation leaves open; GET only.

Source: Voucherify documentation, "List Customer Activity", "List Referral Code Holders" and "Get
Customer". What is open there: the `type` filter for this event, whether dates are inclusive, the
order of holder ids, the role filter, `total`, and what moves a customer's `updated_at`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.errors import RefusedError
from sync.model.unassignment import CustomerId, EventId, VoucherId
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.holders import FRIEND, ONLY_FRIENDS
from sync.voucherify.instant import read_instant, write_instant
from sync.voucherify.shapes import is_text
from sync.voucherify.wire import UNASSIGNED

LIMIT = "100"


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A row of a code's holders: its id, when it was assigned, and whether its role is REFEREE."""

    holder_id: str
    assigned_at: datetime | None
    is_friend: bool


@dataclass(frozen=True, slots=True)
class HolderRows:
    """One page of holders, and what the list says that it has; `is_whole` if none come behind."""

    rows: tuple[HolderRow, ...]
    total: int | None
    is_whole: bool


class Prober:
    """Asks one project; each method takes one call and raises as the client does."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._client = client

    def events(
        self,
        customer_id: CustomerId,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        of_type: bool = False,
    ) -> tuple[EventId, ...] | None:
        """Give the ids of a customer's first events; None if the filter is refused."""
        query = [("limit", LIMIT), ("order", "created_at")]
        query += [("start_date", write_instant(since))] if since else []
        query += [("end_date", write_instant(until))] if until else []
        query += [("type", UNASSIGNED)] if of_type else []
        try:
            body = self._client.get(("customers", customer_id, "activity"), query).body
        except RefusedError as error:
            if of_type and error.signature.startswith("400 "):
                return None
            raise
        ids = (row.get("id") for row in _rows(body))
        return tuple(EventId(each) for each in ids if is_text(each))

    def holders(self, voucher_id: VoucherId, *, friends: bool) -> HolderRows:
        """Give a code's first hundred holders, the highest id first; `friends` by the filter."""
        query = [("limit", LIMIT), ("order", "-id"), *([ONLY_FRIENDS] if friends else [])]
        body = self._client.get(("referrals", "members", voucher_id, "holders"), query).body
        rows = tuple(_holder(row) for row in _rows(body) if is_text(row.get("id")))
        total = body.get("total") if isinstance(body, Mapping) else None
        return HolderRows(rows, total if isinstance(total, int) else None, len(rows) < int(LIMIT))

    def updated_at(self, customer_id: CustomerId) -> datetime | None:
        """Give when Voucherify says that a customer was changed last."""
        body = self._client.get(("customers", customer_id), ()).body
        return _instant(body.get("updated_at")) if isinstance(body, Mapping) else None


def _rows(body: object) -> Sequence[Mapping[str, object]]:
    rows = body.get("data") if isinstance(body, Mapping) else None
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else ()


def _holder(row: Mapping[str, object]) -> HolderRow:
    is_friend = row.get("holder_role") == FRIEND
    return HolderRow(str(row["id"]), _instant(row.get("created_at")), is_friend)


def _instant(value: object) -> datetime | None:
    try:
        return read_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
