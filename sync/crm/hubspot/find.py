"""How HubSpot's objects are found: by id, by a property that is unique, or by a search.

A unique property is the quick and sure way; a search has a limit of its own, and its index comes
behind by moments. So a search only names objects, and what they show is read afterwards. An id that
was merged into another leads to the object that is left, as does a contact's further address.

Sources: HubSpot developer documentation, "CRM API | Objects" (batch read, `idProperty`) and "CRM
API | Search" (2026-09): 200 rows per page, 10,000 in all, 5 searches a second per account, 100
values of `IN`, in lower case where the property is a text. That a batch read answers a merged id
with the object that is left is told in HubSpot's community, "Question about using batch read API".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from sync.crm.adapter import Outcome, TellUserError
from sync.crm.hubspot.api import VERSION, HubSpotApi, RefusedError, category_of
from sync.crm.hubspot.properties import EMAIL, Properties, rows_of
from sync.crm.mapped.writer import CrmBusyError, Record, in_parts

AT_ONCE = 100
"""Inputs that one batch takes, and values of one search."""
SMALLER = (10, 1)
"""What a refused batch is split into, one after the other: it takes few calls to find one odd
item, and at most 110 for a hundred of them."""
PAGE = 200
"""Rows that one page of a search gives."""
MOST_FOUND = 10_000
"""Rows that all pages of one search give."""
SEARCHES_APART = 0.25
"""Seconds, so that the account's other searches have their turn."""
MERGED = "hs_merged_object_ids"
"""The ids of the objects that were merged into this one, separated as in `LISTED`."""
FURTHER_EMAILS = "hs_additional_emails"
NOT_OURS = frozenset({MERGED, FURTHER_EMAILS})
NOBODY = frozenset({"OBJECT_NOT_FOUND", "VALIDATION_ERROR"})
"""What the errors of a 207 call somebody who is not there, and a value that nobody can have."""
LISTED = ";"
TEXT = "string"
LONGEST_ID = 18


class HubSpotFinder:
    """Finds the objects of one kind.

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
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._api = api
        self._path = ("crm", "objects", VERSION, object_type)
        self._properties = properties
        self._wait = wait
        self._clock = clock
        self._unique = {EMAIL}
        self._searched_at = float("-inf")

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Give the objects whose property `where` (None: the record id) holds each value.

        Raises:
            CrmBusyError: HubSpot is down, busy, or over its limit.
            CredentialsRefusedError: it refuses the token.
            TellUserError: it has no such property, or no such objects.
        """
        if where is None:
            return self._by_id(values, fields)
        return self._by_property(where, values, fields)

    def _by_id(
        self, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        # HubSpot refuses a whole batch for one id that is no number, and reads 007 as 7.
        ids = [value for value in values if _is_id(value)]
        rows = self._read(ids, [*fields, MERGED], {}) if ids else []
        found = dict(_by_key(ids, rows, fields, _own_ids))
        if any(found.keys().isdisjoint(_own_ids(row)) for row in rows):
            # An object that does not tell what was merged into it: one id alone leads to it.
            for missing in [each for each in ids if not found[each]]:
                found[missing] = self._followed(missing, fields)
        return found

    def _followed(self, merged: str, fields: Sequence[str]) -> Sequence[Record]:
        try:
            row = self._api.get(*self._path, merged, properties=",".join(fields))
        except RefusedError:
            return ()
        return (_record(row, fields),)

    def _by_property(
        self, where: str, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        how = {"idProperty": where}
        asked = list(dict.fromkeys(_spelt(where, value) for value in values))
        wanted = [*fields, where, *([FURTHER_EMAILS] if where == EMAIL else [])]
        try:
            rows = self._rows(asked, wanted, how)
        except RefusedError:
            if not self._properties.is_unique(where):
                return self._by_search(where, values, fields)
            rows = self._read_smaller(asked, wanted, how, SMALLER)
        found = _by_key(values, rows, fields, lambda row: _keys(where, row), where)
        if where not in self._unique and not all(found.values()):
            # Before somebody is not found, it is seen that this way leads to everybody.
            if not self._properties.is_unique(where):
                return self._by_search(where, values, fields)
            self._unique.add(where)
        return found

    def _read(
        self, ids: Sequence[str], properties: Sequence[str], how: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        try:
            return self._rows(ids, properties, how)
        except RefusedError:
            self._properties.require()
            return self._read_smaller(ids, properties, how, SMALLER)

    def _read_smaller(
        self,
        ids: Sequence[str],
        properties: Sequence[str],
        how: Mapping[str, str],
        sizes: Sequence[int],
    ) -> list[Mapping[str, Any]]:
        """Read what was refused together in parts; what is refused alone finds nobody."""
        smaller = [size for size in sizes if size < len(ids)]
        rows: list[Mapping[str, Any]] = []
        for part in in_parts(ids, smaller[0]) if smaller else ():
            try:
                rows += self._rows(part, properties, how)
            except RefusedError:
                rows += self._read_smaller(part, properties, how, smaller[1:])
        return rows

    def _rows(
        self, ids: Sequence[str], properties: Sequence[str], how: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        body = {
            "inputs": [{"id": each} for each in ids],
            "properties": list(dict.fromkeys(properties)),
            **how,
        }
        answer = self._api.look_up(*self._path, "batch", "read", body=body)
        _require_no_fault(answer)
        rows = rows_of(answer, "results")
        if any(_lacks(row, set(properties) - NOT_OURS) for row in rows):
            # A property that is not there reads like an empty one: there would be nothing to do.
            self._properties.require()
        return rows

    def _by_search(
        self, where: str, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        ids = list(dict.fromkeys(self._searched(where, values)))
        rows: list[Mapping[str, Any]] = []
        for part in in_parts(ids, AT_ONCE):
            rows += self._read(part, [*fields, where], {})
        return _by_key(values, rows, fields, lambda row: [_text(row, where).strip()])

    def _searched(self, where: str, values: Sequence[str]) -> list[str]:
        is_text = self._properties.of(where).kind == TEXT
        asked = [value.lower() if is_text else value for value in values]
        ids: list[str] = []
        after: str | None = "0"
        while after is not None:
            page = self._page(where, asked, after)
            total = page.get("total")
            if isinstance(total, int) and total > MOST_FOUND and len(values) > 1:
                half = len(values) // 2
                parts = (values[:half], values[half:])
                return [each for part in parts for each in self._searched(where, part)]
            ids += [_id(row) for row in rows_of(page, "results")]
            following = _next(page)
            after = None if following == after or len(ids) >= MOST_FOUND else following
        return ids

    def _page(self, where: str, values: Sequence[str], after: str) -> Mapping[str, Any]:
        self._wait_for_turn()
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
            return self._api.look_up(*self._path, "search", body=body)
        except RefusedError as refused:
            msg = f"HubSpot can't search by {where} ({refused}): find by another in the mapping"
            raise TellUserError(msg) from None

    def _wait_for_turn(self) -> None:
        seconds = self._searched_at + SEARCHES_APART - self._clock()
        if seconds > 0:
            self._wait(seconds)
        self._searched_at = self._clock()


def _require_no_fault(answer: Mapping[str, Any]) -> None:
    """See that who is not among the rows is not there, and not only out of reach for now."""
    for category in map(category_of, rows_of(answer, "errors")):
        if category and category not in NOBODY:
            raise CrmBusyError(Outcome.retry(f"HubSpot could not read all of a batch ({category})"))


def _by_key(
    values: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    fields: Sequence[str],
    keys: Callable[[Mapping[str, Any]], Iterable[str]],
    where: str | None = None,
) -> Mapping[str, Sequence[Record]]:
    """Give for each value the rows that have it among their keys."""
    shown: dict[str, dict[str, Record]] = {}
    for row in rows:
        record = _record(row, fields)
        for key in keys(row):
            shown.setdefault(key, {})[record.record_id] = record
    return {value: list(shown.get(_spelt(where, value), {}).values()) for value in values}


def _record(row: Mapping[str, Any], fields: Sequence[str]) -> Record:
    return Record(_id(row), {name: _text(row, name) for name in fields})


def _own_ids(row: Mapping[str, Any]) -> list[str]:
    return [_id(row), *_listed(row, MERGED)]


def _keys(where: str, row: Mapping[str, Any]) -> list[str]:
    further = _listed(row, FURTHER_EMAILS) if where == EMAIL else []
    return [_spelt(where, each.strip()) for each in (_text(row, where), *further)]


def _spelt(where: str | None, value: str) -> str:
    """Spell an e-mail address as HubSpot keeps it."""
    return value.lower() if where == EMAIL else value


def _is_id(value: str) -> bool:
    is_number = value.isascii() and value.isdigit() and len(value) <= LONGEST_ID
    return is_number and not value.startswith("0")


def _id(row: Mapping[str, Any]) -> str:
    return str(row.get("id"))


def _listed(row: Mapping[str, Any], name: str) -> list[str]:
    return [each.strip() for each in _text(row, name).split(LISTED)]


def _text(row: Mapping[str, Any], name: str) -> str:
    properties = row.get("properties")
    value = properties.get(name) if isinstance(properties, Mapping) else None
    return value if isinstance(value, str) else ""


def _lacks(row: Mapping[str, Any], names: Iterable[str]) -> bool:
    properties = row.get("properties")
    return not isinstance(properties, Mapping) or any(name not in properties for name in names)


def _next(page: Mapping[str, Any]) -> str | None:
    paging = page.get("paging")
    following = paging.get("next") if isinstance(paging, Mapping) else None
    after = following.get("after") if isinstance(following, Mapping) else None
    return after if isinstance(after, str) and after else None
