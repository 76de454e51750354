"""Whom the CRM believes to hold something: candidates, listed once a day where it can be listed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from datetime import datetime, timedelta

from sync.crm.adapter import BelievedHolder, Capability, Destination, ListsAssigned
from sync.errors import TellUserError, VendorChangedError
from sync.jobs.asked import asked

AT_ONCE = 500
ANEW_AFTER = timedelta(days=1)
NOTHING_KEPT = "whom it believes to hold something is not known"


def is_due(listed_at: datetime | None, now: datetime) -> bool:
    """Tell whether the CRM is to be listed; a clock that went back lets it be listed too."""
    return listed_at is None or not timedelta() <= now - listed_at < ANEW_AFTER


def can_list(destination: Destination) -> bool:
    """Tell whether a CRM can list whom it believes to hold something."""
    return Capability.LISTS_ASSIGNED in destination.capabilities and isinstance(
        destination, ListsAssigned
    )


def believed(
    destination: Destination, executor: Executor | None
) -> Iterator[Sequence[BelievedHolder]]:
    """Give all whom the CRM believes to hold something, page by page.

    Raises:
        TellUserError: this adapter can't list them.
        VendorChangedError: the list goes in circles.
        HoldersyncError: the CRM can't be asked now, or the adapter failed.
    """
    if Capability.LISTS_ASSIGNED not in destination.capabilities or not isinstance(
        destination, ListsAssigned
    ):
        msg = (
            f"{destination.destination} can't list whom it believes to hold something: take crm "
            "out of HOLDERSYNC_CUSTOMERS"
        )
        raise TellUserError(msg)
    lists: ListsAssigned = destination
    after: str | None = None
    while True:
        place = after
        page = asked(
            destination.destination,
            lambda place=place: lists.assigned(place, AT_ONCE),  # type: ignore[misc]
            BelievedHolder,
            None,
            executor=executor,
            then=NOTHING_KEPT,
        )
        if not page:
            return
        yield page
        after = page[-1].record_id
        if after == place:
            msg = f"the adapter of {destination.destination} lists one record again and again"
            raise VendorChangedError(msg)
