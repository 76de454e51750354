"""HubSpot's search, for properties that are not unique: it names objects, and no more.

It has a limit of its own, and its index comes behind by moments.

Source: HubSpot developer documentation, "CRM API | Search" (2026-09): 200 rows per page, 10,000 in
all, 5 searches a second per account, 100 values of `IN`, in lower case where the property is a
text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sync.crm.adapter import TellUserError
from sync.crm.hubspot.api import VERSION, HubSpotApi, RefusedError, require_whole, rows_of
from sync.crm.hubspot.properties import Properties

PAGE = 200
"""Rows that one page of a search gives."""
MOST_FOUND = 10_000
"""Rows that all pages of one search give."""
MOST_GROUPS = 5
"""Groups of filters of which one has to fit."""
OWN_ID = "hs_object_id"
SEARCHES_APART = 0.25
"""Seconds, so that the account's other searches have their turn."""
TEXT = "string"


class HubSpotSearch:
    """Searches the objects of one kind.

    Args:
        api: asks the account.
        object_type: what HubSpot calls these objects.
        properties: of these objects.
        wait: waits the given seconds.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        api: HubSpotApi,
        object_type: str,
        properties: Properties,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._path = ("crm", "objects", VERSION, object_type)
        self._properties = properties
        self._wait = wait
        self._clock = clock
        self._searched_at = float("-inf")

    def ids(self, where: str, values: Sequence[str]) -> list[str]:
        """Give the ids of all whose property may hold one of the values; see what they show."""
        is_text = self._properties.of(where).kind == TEXT
        asked = [value.lower() if is_text else value for value in values]
        ids: list[str] = []
        after: str | None = "0"
        while after is not None:
            page = self._page(where, asked, after)
            require_whole(page)
            total = page.get("total")
            if isinstance(total, int) and total > MOST_FOUND and len(values) > 1:
                half = len(values) // 2
                parts = (values[:half], values[half:])
                return [each for part in parts for each in self.ids(where, part)]
            ids += [id_of(row) for row in rows_of(page, "results")]
            following = _next(page)
            after = None if following == after or len(ids) >= MOST_FOUND else following
        return ids

    def listed(
        self, after: str | None, at_most: int, properties: Sequence[str], shows: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        """Give the objects behind an id, by their ids, of which one of `shows` is not empty.

        Each page is a search of its own, so the rows that one search gives are no limit.
        """
        behind = {"propertyName": OWN_ID, "operator": "GT", "value": after or "0"}
        groups = [[behind, {"propertyName": name, "operator": "HAS_PROPERTY"}] for name in shows]
        if len(groups) > MOST_GROUPS:
            groups = [[behind]]
        body = {
            "filterGroups": [{"filters": each} for each in groups],
            "properties": list(properties),
            "sorts": [{"propertyName": OWN_ID, "direction": "ASCENDING"}],
            "limit": min(PAGE, at_most),
            "after": "0",
        }
        try:
            page = self._asked(body)
        except RefusedError as refused:
            self._properties.require()
            msg = f"HubSpot can't list {self._path[-1]} ({refused}): take crm out of the sources"
            raise TellUserError(msg) from None
        require_whole(page)
        return rows_of(page, "results")

    def _page(self, where: str, values: Sequence[str], after: str) -> Mapping[str, Any]:
        # The documentation calls each of these required.
        body = {
            "filterGroups": [
                {"filters": [{"propertyName": where, "operator": "IN", "values": list(values)}]}
            ],
            "properties": [where],
            "sorts": [],
            "limit": PAGE,
            "after": after,
        }
        try:
            return self._asked(body)
        except RefusedError as refused:
            msg = f"HubSpot can't search by {where} ({refused}): find by another in the mapping"
            raise TellUserError(msg) from None

    def _asked(self, body: Mapping[str, object]) -> Mapping[str, Any]:
        self._wait_for_turn()
        return self._api.look_up(*self._path, "search", body=body)

    def _wait_for_turn(self) -> None:
        seconds = self._searched_at + SEARCHES_APART - self._clock()
        if seconds > 0:
            self._wait(seconds)
        self._searched_at = self._clock()


def id_of(row: Mapping[str, Any]) -> str:
    """Give the id of an object in an answer."""
    return str(row.get("id"))


def _next(page: Mapping[str, Any]) -> str | None:
    paging = page.get("paging")
    following = paging.get("next") if isinstance(paging, Mapping) else None
    after = following.get("after") if isinstance(following, Mapping) else None
    return after if isinstance(after, str) and after else None
