"""Salesforce's records of one object, found by SOQL.

Salesforce compares texts without case, so what it finds is compared anew here; only in the standard
field `Email`, which is an address, is case left out.

Source: REST API Developer Guide, "Query" and "Query More Results"; the host of a page that follows
is never taken from the answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync.crm.adapter import Outcome, TellUserError
from sync.crm.mapped.writer import CrmBusyError, Record
from sync.crm.salesforce.api import RefusedError, SalesforceApi
from sync.crm.salesforce.rows import Kinds, id_of, rows_of, text_of_value
from sync.crm.salesforce.soql import in_queries, listing, long_id, query

EMAIL = "email"
ID = "id"
NOT_AN_ID = "INVALID_QUERY_FILTER_OPERATOR"
"""What a query answers that asks for an id of a form that Salesforce does not know."""

NOT_FILTERED = "INVALID_FIELD"
"""What a query answers that asks by a field which can't be asked for, or is not there."""

_PAGE = re.compile(r"/services/data/v\d{1,3}\.\d/query/([A-Za-z0-9-]{1,100})")


class SalesforceFinder:
    """Finds the records of one object.

    Args:
        api: asks the org.
        name: the object's API name.
        kinds: learns which fields are checkboxes.
    """

    def __init__(self, api: SalesforceApi, name: str, kinds: Kinds) -> None:
        self._api = api
        self._name = name
        self._kinds = kinds
        self._filters = True

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Give the records whose field `where` (None: the Id, in either form) holds each value."""
        if where is None or where.casefold() == ID:
            return self._by_id(values, fields)
        same = {value: _same(where, value) for value in values}
        found: dict[str, dict[str, Record]] = {}
        for row in self._rows(where, list(dict.fromkeys(values)), [*fields, where]):
            shown = text_of_value(row.get(where.casefold()))
            record = self._read(row, fields)
            found.setdefault(_same(where, shown), {})[record.record_id] = record
        return {value: list(found.get(each, {}).values()) for value, each in same.items()}

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the records behind an Id that may show something, by their Ids."""
        by = shows if self._filters else ()
        try:
            rows = self._pages(listing(self._name, fields, by, after, at_most))
        except RefusedError as refused:
            if by and refused.code == NOT_FILTERED:
                # A long text can't be asked for; all are listed then.
                self._filters = False
                return self.page(after, at_most, fields, shows)
            msg = f"{refused}: see that the mapping names {self._name} and its fields rightly"
            raise TellUserError(msg) from None
        return [self._read(row, fields) for row in rows]

    def _by_id(
        self, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        ids = {value: long_id(value) for value in values}
        asked = [each for each in dict.fromkeys(ids.values()) if each]
        records = [self._read(row, fields) for row in self._rows("Id", asked, fields)]
        by_id = {record.record_id: record for record in records}
        return {value: [by_id[each]] for value, each in ids.items() if each in by_id}

    def _rows(
        self, where: str, values: Sequence[str], fields: Sequence[str]
    ) -> Iterator[Mapping[str, Any]]:
        for part in in_queries(self._name, fields, where, values):
            try:
                yield from self._pages(query(self._name, fields, where, part))
            except RefusedError as refused:
                if refused.code != NOT_AN_ID:
                    msg = f"{refused}: see that the mapping names {self._name} and {where} rightly"
                    raise TellUserError(msg) from None
                # One text that looks like an id and is none refuses all that are asked with it.
                for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                    if len(half) < len(part):
                        yield from self._rows(where, half, fields)

    def _pages(self, soql: str) -> list[Mapping[str, Any]]:
        page = self._api.ask("GET", "query", q=soql)
        rows = rows_of(page)
        seen: set[str] = set()
        while locator := _next(page):
            if locator in seen:
                raise CrmBusyError(Outcome.retry("Salesforce gives the same page again"))
            seen.add(locator)
            page = self._api.ask("GET", "query", locator)
            rows += rows_of(page)
        return rows

    def _read(self, row: Mapping[str, Any], fields: Sequence[str]) -> Record:
        shown = {name: row.get(name.casefold()) for name in fields}
        self._kinds.see(shown)
        return Record(id_of(row), {name: text_of_value(value) for name, value in shown.items()})


def _same(where: str, value: str) -> str:
    text = value.strip()
    # What a field holds that refers to a record is told in the long form.
    return text.casefold() if where.casefold() == EMAIL else long_id(text) or text


def _next(page: object) -> str | None:
    """Give the name of the page that follows, and no host: that is the org's own."""
    if not isinstance(page, dict) or page.get("done") is True:
        return None
    path = page.get("nextRecordsUrl")
    match = _PAGE.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise CrmBusyError(Outcome.retry("Salesforce does not say where its next page is"))
    return match[1]
