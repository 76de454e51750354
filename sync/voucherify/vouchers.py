"""List Vouchers: a project's referral codes, page by page, also beyond the first 9,900.

The filter for referral codes is documented; rows that say they are none are left out all the same.
Source: Voucherify documentation, "List Vouchers" (GET /v1/vouchers) and "Fetching Data".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sync.model.holding import Code
from sync.model.unassignment import CampaignId, VoucherId
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.listed import CreationList, Rows, id_of
from sync.voucherify.shapes import is_text

ONLY_REFERRAL_CODES = ("[filters][is_referral_code][conditions][$is]", "true")


@dataclass(frozen=True, slots=True)
class CodePage:
    """Up to 100 referral codes; `total` is what Voucherify says the whole list has, if it does.

    `invalid_rows` counts those without a usable id, whose holders can't be asked for. `reached` is
    the last row's creation time, None if that can't be read or has not come yet; `is_last` tells
    that no code comes behind.
    """

    server_time: datetime
    codes: tuple[Code, ...]
    invalid_rows: int
    total: int | None
    reached: datetime | None
    is_last: bool


class CodeLister:
    """Lists a project's referral codes, oldest first, so that new ones join at the end."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._list = CreationList(
            client,
            name="vouchers",
            since="created_at[after]",
            things="referral codes",
            instead="give those codes by HOLDERSYNC_CUSTOMERS=holders:PATH",
            filters=(ONLY_REFERRAL_CODES,),
        )

    def pages(self, reached: datetime | None = None) -> Iterator[CodePage]:
        """Give all pages, or those from the creation time that an earlier listing reached.

        A code may come twice, at a seam. What was given stands, whatever is raised behind it.

        Raises:
            UnreadableError: the list can't be followed: another envelope, a page that repeats, or
                more codes with one creation time than pages reach.
            RefusedError, UnavailableError, ParkError, CredentialsRefusedError: see the client.
        """
        return map(_page, self._list.pages(reached))


def _page(listed: Rows) -> CodePage:
    rows = [row for row in listed.rows if not _is_of_another_kind(row)]
    return CodePage(
        server_time=listed.server_time,
        codes=tuple(code for row in rows if (code := _code(row)) is not None),
        invalid_rows=sum(id_of(row) is None for row in rows),
        total=listed.total,
        reached=listed.reached,
        is_last=listed.is_last,
    )


def _is_of_another_kind(row: object) -> bool:
    return isinstance(row, Mapping) and row.get("is_referral_code") is False


def _code(row: object) -> Code | None:
    voucher_id = id_of(row)
    if voucher_id is None or not isinstance(row, Mapping):
        return None
    code, campaign_id = row.get("code"), row.get("campaign_id")
    return Code(
        VoucherId(voucher_id),
        code if is_text(code) else None,
        CampaignId(campaign_id) if is_text(campaign_id) else None,
    )
