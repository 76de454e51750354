"""List Customer's Redeemables: what a customer holds at this moment, page by page.

Every voucher that is theirs comes along: those that they were given as a friend (REFEREE), those
that they own (OWNER) and those that they share (REFERRER). The list is sorted by id; nothing is
inferred from that. No filter is sent: whether one works is not proven, and an empty list could not
be told from "holds nothing".
Source: Voucherify documentation, "List Customer's Redeemables" (GET
/v1/customers/{id}/redeemables), which requires no field of a row and none of the list.
"""

from collections.abc import Iterator, Mapping

from sync.errors import CustomerGoneError, DeadLetterError, RefusedError, UnreadableError
from sync.model.unassignment import Assignment, CampaignId, CustomerId, HolderId, VoucherId
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.gone import gone_or
from sync.voucherify.shapes import Held, is_text, parsed

PAGE_SIZE = 100
MOST_PAGES = 10
"""Pages that are read of one customer; who holds more is not read to the end."""
UNREADABLE = "redeemables"


class HoldingReader:
    """Reads what customers hold now."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._client = client

    def pages(self, customer_id: CustomerId) -> Iterator[tuple[Assignment, ...]]:
        """Give what a customer holds now; who was deleted holds nothing.

        What was given stands, whatever is raised behind it.

        Raises:
            UnreadableError: a row or the list can't be understood, or has no end within reason.
            RefusedError, UnavailableError, ParkError, CredentialsRefusedError: see the client.
        """
        seen: set[str] = set()
        after: str | None = None
        for _ in range(MOST_PAGES):
            rows, after = self._page(customer_id, after)
            ids = {row_id for row in rows if (row_id := _own_id(row))}
            found = [_read(row, customer_id) for row in rows]
            yield tuple(each for each in found if isinstance(each, Assignment))
            for each in found:
                if isinstance(each, UnreadableError):
                    raise each
            if after is None:
                return
            if ids <= seen:
                msg = "a page of what it holds brings nothing new, but says there is more"
                raise UnreadableError(msg, signature=UNREADABLE)
            seen |= ids
        msg = f"it holds more than {MOST_PAGES * PAGE_SIZE} vouchers; the rest was not read"
        raise UnreadableError(msg, signature=UNREADABLE)

    def _page(self, customer_id: CustomerId, after: str | None) -> tuple[list[object], str | None]:
        parameters = [("limit", str(PAGE_SIZE)), ("order", "-id")]
        if after is not None:
            parameters.append(("starting_after_id", after))
        try:
            reply = self._client.get(("customers", customer_id, "redeemables"), parameters)
        except RefusedError as error:
            refusal = gone_or(error, customer_id)
            if isinstance(refusal, CustomerGoneError):
                return [], None
            raise refusal from error
        return _rows_and_next(reply.body)


def _rows_and_next(body: object) -> tuple[list[object], str | None]:
    fields = body if isinstance(body, Mapping) else {}
    rows, has_more = fields.get("data"), fields.get("has_more")
    if not isinstance(rows, list) or not (has_more is None or isinstance(has_more, bool)):
        msg = "what it holds is not a list with data and has_more"
        raise UnreadableError(msg, signature=UNREADABLE)
    # has_more is no required field: without it a short page is the last one.
    if not rows or has_more is False or (has_more is None and len(rows) < PAGE_SIZE):
        return rows, None
    named = fields.get("more_starting_after")
    after = named if is_text(named) else _own_id(rows[-1])
    if after is None:
        msg = "what it holds has more pages but names no way to the next"
        raise UnreadableError(msg, signature=UNREADABLE)
    return rows, after


def _own_id(row: object) -> str | None:
    own_id = row.get("id") if isinstance(row, Mapping) else None
    return own_id if is_text(own_id) else None


def _read(row: object, customer_id: CustomerId) -> Assignment | UnreadableError | None:
    """Understand one row; None is something else than a voucher."""
    what = row.get("redeemable_object") if isinstance(row, Mapping) else None
    if isinstance(what, str) and what != "voucher":
        return None
    try:
        held = parsed(Held, row, "what it holds")
    except DeadLetterError as error:
        return UnreadableError(str(error), signature=UNREADABLE)
    voucher = held.redeemable.voucher if held.redeemable else None
    if held.customer_id != customer_id or (
        voucher and voucher.id not in {None, held.redeemable_id}
    ):
        msg = "what it holds names another customer or another voucher within one row"
        return UnreadableError(msg, signature=UNREADABLE)
    return Assignment(
        holder_id=HolderId(held.id),
        customer_id=customer_id,
        voucher_id=VoucherId(held.redeemable_id),
        code=voucher.code if voucher else None,
        campaign_id=CampaignId(held.campaign_id) if held.campaign_id else None,
        role=held.holder_role,
        assigned_at=held.created_at,
    )
