"""List Member's Holders: who holds a referral code at this moment, page by page.

Only friends (REFEREE) are asked for. That this filter works is not proven: rows of other roles are
left out on our side, where Voucherify refuses the filter it is sent no more, and until it let a
friend pass, its silence is held against the list without it.
Source: Voucherify documentation, "List Referral Code Holders" (GET
/v1/referrals/members/{id}/holders), which requires `total` and `has_more`, and "Fetching Data",
whose example says that there is more behind two rows of two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync.errors import DeadLetterError, RefusedError, UnreadableError
from sync.model.holding import HoldersPage
from sync.model.unassignment import Assignment, CampaignId, CustomerId, HolderId, VoucherId
from sync.voucherify.client import Reply, VoucherifyClient
from sync.voucherify.gone import code_gone_or
from sync.voucherify.listed import PAGE_SIZE, read_total
from sync.voucherify.shapes import Held, is_text, parsed

FRIEND = "REFEREE"
ONLY_FRIENDS = ("filters[holder_role][conditions][$is][0]", FRIEND)
FIRST = (("limit", str(PAGE_SIZE)), ("order", "-id"))
UNREADABLE = "holders"
BAD_REQUEST = "400 "


@dataclass(frozen=True, slots=True)
class _Listed:
    rows: Sequence[object]
    total: int
    has_more: bool
    more_after: object


class HolderReader:
    """Reads who holds codes now; may be shared by threads."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._client = client
        self._filters: tuple[tuple[str, str], ...] = (ONLY_FRIENDS,)
        self._lets_pass = False

    def page(self, voucher_id: VoucherId, after: str | None) -> HoldersPage:
        """Read the page behind the holder `after`, or the first one; at most 100 rows.

        The order asked for is by id, the highest first. An empty page is the last one.

        Raises:
            CodeGoneError: the code was deleted in Voucherify.
            UnreadableError: the answer is not the documented list, one of its rows can't be
                understood or is about another code, or its way on leads nowhere.
            RefusedError, UnavailableError, ParkError, CredentialsRefusedError: see the client.
        """
        try:
            reply = self._ask(voucher_id, after)
        except RefusedError as error:
            if after is not None:
                # What is not found may be the holder to go on from: nothing follows for the code.
                raise
            raise code_gone_or(error, voucher_id) from error
        listed = _listed(reply.body)
        held = [_read(row, voucher_id) for row in listed.rows]
        if after is None and self._is_doubtful(held):
            reply, listed, held = self._without_filter(voucher_id, reply, listed, held)
        ids = [each.holder_id for each in held]
        if len(set(ids)) < len(ids):
            msg = "name one of them twice"
            raise _unreadable(msg)
        return HoldersPage(
            server_time=reply.server_time,
            assignments=tuple(each for each in held if each.role == FRIEND),
            rows=len(held),
            total=listed.total,
            newest=ids[0] if ids else None,
            next_after=_next(listed, ids, after),
        )

    def _is_doubtful(self, held: Sequence[Assignment]) -> bool:
        """Tell that nobody came through a filter that let nobody pass yet."""
        self._lets_pass = self._lets_pass or any(each.role == FRIEND for each in held)
        return bool(self._filters) and not self._lets_pass

    def _without_filter(
        self, voucher_id: VoucherId, reply: Reply, listed: _Listed, held: list[Assignment]
    ) -> tuple[Reply, _Listed, list[Assignment]]:
        """Give the list as it is without the filter, if that has friends; else as it was."""
        other = self._client.get(_path(voucher_id), FIRST)
        all_listed = _listed(other.body)
        everybody = [_read(row, voucher_id) for row in all_listed.rows]
        if not any(each.role == FRIEND for each in everybody):
            return reply, listed, held
        self._filters = ()
        return other, all_listed, everybody

    def _ask(self, voucher_id: VoucherId, after: str | None) -> Reply:
        path, query = _path(voucher_id), list(FIRST)
        if after is not None:
            query.append(("starting_after_id", after))
        filters = self._filters
        try:
            return self._client.get(path, [*query, *filters])
        except RefusedError as error:
            if after or not filters or not error.signature.startswith(BAD_REQUEST):
                raise
        reply = self._client.get(path, query)
        self._filters = ()
        return reply


def _path(voucher_id: VoucherId) -> tuple[str, ...]:
    return ("referrals", "members", voucher_id, "holders")


def _listed(body: object) -> _Listed:
    fields = body if isinstance(body, Mapping) else {}
    rows, total, has_more = (
        fields.get("data"),
        read_total(fields.get("total")),
        fields.get("has_more"),
    )
    if not isinstance(rows, list) or total is None or not isinstance(has_more, bool):
        msg = "are not a list with data, total and has_more"
        raise _unreadable(msg)
    return _Listed(rows, total, has_more, fields.get("more_starting_after"))


def _read(row: object, voucher_id: VoucherId) -> Assignment:
    try:
        held = parsed(Held, row, "a holder of this code")
    except DeadLetterError as error:
        raise UnreadableError(str(error), signature=UNREADABLE) from None
    if held.redeemable_id != voucher_id:
        msg = "are those of another code"
        raise _unreadable(msg)
    return Assignment(
        holder_id=HolderId(held.id),
        customer_id=CustomerId(held.customer_id),
        voucher_id=voucher_id,
        code=None,
        campaign_id=CampaignId(held.campaign_id) if held.campaign_id else None,
        role=held.holder_role,
        assigned_at=held.created_at,
    )


def _next(listed: _Listed, ids: Sequence[HolderId], after: str | None) -> str | None:
    if not ids or not listed.has_more or _is_whole(listed, after):
        return None
    named = listed.more_after
    if not (named is None or is_text(named)):
        msg = "have more pages but name no way to the next"
        raise _unreadable(msg)
    following = named or ids[-1]
    if following == after:
        msg = "have more pages, but the way to the next leads back to this one"
        raise _unreadable(msg)
    return following


def _is_whole(listed: _Listed, after: str | None) -> bool:
    """Tell that a first page holds all that there is, though it may say that there is more."""
    return after is None and len(listed.rows) < PAGE_SIZE and len(listed.rows) == listed.total


def _unreadable(what: str) -> UnreadableError:
    return UnreadableError(f"the holders of this code {what}", signature=UNREADABLE)
