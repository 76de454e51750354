"""List Customer Activity, one page at a time.

The filter for our event is on our side: Voucherify's own `type` parameter does not list it, and an
empty list from an unproven filter could not be told from "no unassignments".
Source: Voucherify documentation, "List Customer Activity" (GET /v1/customers/{id}/activity).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sync.errors import RefusedError, UnreadableError
from sync.model.event import Page
from sync.model.unassignment import CustomerId
from sync.model.window import Window
from sync.voucherify.client import Reply, VoucherifyClient
from sync.voucherify.gone import gone_or
from sync.voucherify.instant import write_instant
from sync.voucherify.shapes import is_text
from sync.voucherify.wire import Asked, read_item

PAGE_SIZE = 100
EDGE = timedelta(milliseconds=1)
EARLIEST = datetime.min.replace(tzinfo=UTC) + EDGE


class ActivityReader:
    """Reads pages of customers' activities.

    Args:
        client: the project.
        lenient: see `wire.Asked`.
    """

    def __init__(self, client: VoucherifyClient, *, lenient: bool) -> None:
        self._client = client
        self._lenient = lenient

    def fetch(self, customer_id: CustomerId, window: Window, after: str | None) -> Page:
        """Read the page behind the event id `after`, or the first one; at most 100 events.

        Raises:
            CustomerGoneError: the customer was deleted in Voucherify.
            UnreadableError: the answer is not the documented list.
            RefusedError, UnavailableError, ParkError, CredentialsRefusedError: see the client.
        """
        try:
            reply = self._client.get(
                ("customers", customer_id, "activity"), _parameters(window, after)
            )
        except RefusedError as error:
            raise gone_or(error, customer_id) from error
        return _page(reply, Asked(customer_id, window, reply.server_time, self._lenient))


def _parameters(window: Window, after: str | None) -> list[tuple[str, str]]:
    # Whether the dates are inclusive is not documented, and they are sent in whole milliseconds:
    # one more at either end, and the window itself is kept on our side.
    parameters = [
        ("limit", str(PAGE_SIZE)),
        ("order", "created_at"),
        ("start_date", write_instant(max(window.start, EARLIEST) - EDGE)),
    ]
    if window.end is not None:
        parameters.append(("end_date", write_instant(window.end + EDGE)))
    if after is not None:
        parameters.append(("starting_after_id", after))
    return parameters


def _page(reply: Reply, asked: Asked) -> Page:
    items, next_after = _envelope(reply.body)
    read = [read_item(item, asked) for item in items]
    times = [item.created_at for item in read if item.created_at]
    return Page(
        server_time=reply.server_time,
        # What lies before the window tells nothing of how far it was read, and a cursor at the
        # beginning of the calendar would leave no room for the next lookback.
        newest=max((each for each in times if each >= asked.window.start), default=None),
        findings=tuple(item.finding for item in read if item.finding),
        read=len(items),
        matched=sum(item.matched for item in read),
        next_after=next_after,
        ids=frozenset(_own_ids(items)),
    )


def _envelope(body: object) -> tuple[list[object], str | None]:
    fields = body if isinstance(body, Mapping) else {}
    items, has_more = fields.get("data"), fields.get("has_more")
    if not isinstance(items, list) or not isinstance(has_more, bool):
        msg = "its activity is not a list with data and has_more"
        raise UnreadableError(msg, signature="envelope")
    if not has_more:
        return items, None
    next_after = fields.get("more_starting_after")
    if not is_text(next_after):
        msg = "its activity has more pages but names no way to the next"
        raise UnreadableError(msg, signature="envelope")
    return items, next_after


def _own_ids(items: list[object]) -> list[str]:
    ids = (item.get("id") for item in items if isinstance(item, Mapping))
    return [own_id for own_id in ids if isinstance(own_id, str)]
