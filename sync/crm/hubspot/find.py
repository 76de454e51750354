"""How HubSpot's objects are found: by id, by a property that is unique, or by a search.

A unique property is the quick and sure way. A search only names objects, since its index comes
behind by moments; what they show is read afterwards. An id that was merged into another leads to
the object that is left, as does a contact's further address.

Sources: HubSpot developer documentation, "CRM API | Objects" (batch read, `idProperty`; 2026-09).
That a batch read answers a merged id with the object that is left is told in HubSpot's community,
"Question about using batch read API".
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from sync.crm.adapter import Outcome, TellUserError
from sync.crm.hubspot.api import (
    VERSION,
    HubSpotApi,
    RefusedError,
    require_whole,
    rows_of,
    unread_in,
)
from sync.crm.hubspot.properties import EMAIL, Properties
from sync.crm.hubspot.search import HubSpotSearch, id_of
from sync.crm.mapped.writer import CrmBusyError, Record, in_parts

AT_ONCE = 100
"""Inputs that one batch takes, and values of one search."""
SMALLER = (10, 1)
"""What a refused batch is split into, one after the other: it takes few calls to find one odd
item, and at most 110 for a hundred of them."""
MERGED = "hs_merged_object_ids"
"""The ids of the objects that were merged into this one, separated as in `LISTED`."""
FURTHER_EMAILS = "hs_additional_emails"
NOT_OURS = frozenset({MERGED, FURTHER_EMAILS})
ODD_INPUT = 400
"""How a question is refused for one of its values."""
AN_EMAIL, A_NUMBER = "nobody@example.com", "1"
"""What no property refuses to be asked for: the one e-mail addresses, the other all else."""
LISTED = ";"
LONGEST_ID = 18

Found = Mapping[str, Sequence[Record] | Outcome]


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
        self._search = HubSpotSearch(api, object_type, properties, wait=wait, clock=clock)
        self._unique: set[str] = set()
        self._answered: set[str | None] = set()
        self._unread: dict[str, Outcome] = {}

    def find(self, where: str | None, values: Sequence[str], fields: Sequence[str]) -> Found:
        """Give the objects whose property `where` (None: the record id) holds each value.

        Raises:
            CrmBusyError: HubSpot is down, busy, or over its limit.
            CredentialsRefusedError: it refuses the token.
            TellUserError: it has no such property, or no such objects.
        """
        self._unread.clear()
        if where is None:
            found = self._by_id(values, fields)
        else:
            found = self._by_property(where, values, fields)
        unread = {value: self._unread.get(_spelt(where, value)) for value in values}
        return {**found, **{value: later for value, later in unread.items() if later}}

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the objects behind an id that may show something; raises as `find` does.

        They are as the index has them, which comes behind by moments.
        """
        self._properties.require()
        rows = self._search.listed(after, at_most, fields, shows)
        return [_record(row, fields) for row in rows]

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
            rows = self._told_apart(asked, wanted, how)
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
            return self._told_apart(ids, properties, how)

    def _told_apart(
        self, ids: Sequence[str], properties: Sequence[str], how: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """Read without what was refused; see that it is the values that are odd, and no other."""
        self._properties.require()
        rows = self._read_smaller(ids, properties, how, SMALLER)
        way = how.get("idProperty")
        if way not in self._answered:
            try:
                self._rows([AN_EMAIL if way == EMAIL else A_NUMBER], properties, how)
            except RefusedError as refused:
                raise self._unanswered(refused) from None
        return rows

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
        try:
            answer = self._api.look_up(*self._path, "batch", "read", body=body)
        except RefusedError as refused:
            if refused.status == ODD_INPUT:
                raise
            self._properties.require()
            raise self._unanswered(refused) from None
        require_whole(answer)
        self._answered.add(how.get("idProperty"))
        self._unread |= unread_in(answer)
        rows = rows_of(answer, "results")
        if any(_lacks(row, set(properties) - NOT_OURS) for row in rows):
            # A property that is not there reads like an empty one: there would be nothing to do.
            self._properties.require()
        return rows

    def _unanswered(self, refused: RefusedError) -> TellUserError:
        return TellUserError(
            f"{refused}, whatever is asked about {self._path[-1]}: where it no longer serves its "
            f"version {VERSION}, update holdersync"
        )

    def _by_search(
        self, where: str, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        ids = list(dict.fromkeys(self._search.ids(where, values)))
        rows: list[Mapping[str, Any]] = []
        for part in in_parts(ids, AT_ONCE):
            rows += self._read(part, [*fields, where], {})
        if self._unread:
            # Of which values they are is not known.
            raise CrmBusyError(next(iter(self._unread.values())))
        return _by_key(values, rows, fields, lambda row: [_text(row, where).strip()])


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
    return Record(id_of(row), {name: _text(row, name) for name in fields})


def _own_ids(row: Mapping[str, Any]) -> list[str]:
    return [id_of(row), *_listed(row, MERGED)]


def _keys(where: str, row: Mapping[str, Any]) -> list[str]:
    further = _listed(row, FURTHER_EMAILS) if where == EMAIL else []
    return [_spelt(where, each.strip()) for each in (_text(row, where), *further)]


def _spelt(where: str | None, value: str) -> str:
    """Spell an e-mail address as HubSpot keeps it."""
    return value.lower() if where == EMAIL else value


def _is_id(value: str) -> bool:
    is_number = value.isascii() and value.isdigit() and len(value) <= LONGEST_ID
    return is_number and not value.startswith("0")


def _listed(row: Mapping[str, Any], name: str) -> list[str]:
    return [each.strip() for each in _text(row, name).split(LISTED)]


def _text(row: Mapping[str, Any], name: str) -> str:
    properties = row.get("properties")
    value = properties.get(name) if isinstance(properties, Mapping) else None
    if value is None or isinstance(value, str):
        return value or ""
    # HubSpot calls every value a text; one that is none is something, and not an empty field.
    return json.dumps(value)


def _lacks(row: Mapping[str, Any], names: Iterable[str]) -> bool:
    properties = row.get("properties")
    return not isinstance(properties, Mapping) or any(name not in properties for name in names)
