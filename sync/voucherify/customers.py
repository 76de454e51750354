"""List Customers: everybody, page by page, also beyond the 9,900 rows that pages alone reach.

Source: Voucherify documentation, "List Customers" (GET /v1/customers).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sync.model.event import Invalid
from sync.model.unassignment import CustomerId
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.evidence import evidence_of, key_of
from sync.voucherify.listed import CreationList, Rows, id_of


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Up to 100 customers; `total` is what Voucherify says the whole list has, if it does.

    `reached` is the last row's creation time, None if that can't be read or has not come yet;
    `is_last` tells that nobody comes behind.
    """

    server_time: datetime
    customer_ids: tuple[CustomerId, ...]
    invalid: tuple[Invalid, ...]
    total: int | None
    reached: datetime | None
    is_last: bool


class CustomerLister:
    """Lists a project's customers, oldest first, so that new ones join at the end."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._list = CreationList(
            client,
            name="customers",
            since="starting_after",
            things="customers",
            instead="give those customers by HOLDERSYNC_CUSTOMERS=file:PATH",
        )

    def first_answer(self) -> CustomerPage:
        """Ask for one customer: the cheapest call that proves the key and tells the time."""
        return _page(self._list.first_row())

    def pages(self, reached: datetime | None = None) -> Iterator[CustomerPage]:
        """Give all pages, or those from the creation time that an earlier listing reached.

        A customer may come twice, at a seam.

        Raises:
            UnreadableError: the list can't be followed: another envelope, a page that repeats, or
                more customers with one creation time than pages reach.
        """
        return map(_page, self._list.pages(reached))


def _page(listed: Rows) -> CustomerPage:
    return CustomerPage(
        server_time=listed.server_time,
        customer_ids=tuple(CustomerId(each) for each in listed.ids),
        invalid=tuple(_invalid(row) for row in listed.rows if id_of(row) is None),
        total=listed.total,
        reached=listed.reached,
        is_last=listed.is_last,
    )


def _invalid(row: object) -> Invalid:
    evidence = evidence_of({"customer": row})
    reason = "a customer in the list has no usable id, so its activity can't be asked for"
    return Invalid(key_of(evidence), reason, evidence)
