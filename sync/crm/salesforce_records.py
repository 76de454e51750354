"""Salesforce's records of one object: found by SOQL, changed by their Id, two hundred per call.

Every change is made to a record that was read before, since only what it shows says whether it is
to be changed. So it is written by its Id: an update by Id can't create, and can't meet two records.
A single record that is found by an external id is written by that id, with `updateOnly`, which
keeps an upsert from creating: there Salesforce itself says, by a 300, that a second one has it.

Salesforce compares texts without case, so what it finds is compared anew here; only in the standard
field `Email`, which is an address, is case left out. Whoever writes the same field between our
reading and our writing is overwritten.

Sources: REST API Developer Guide, "Query", "Update Records Using sObject Collections" and "Upsert
Records Using sObject Rows by External ID"; SOAP API Developer Guide, "StatusCode".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, TellUserError
from sync.crm.mapped import CrmBusyError, Record, in_parts
from sync.crm.records import SEVERAL as SEVERAL_RECORDS
from sync.crm.salesforce_api import SEVERAL, RefusedError, SalesforceApi
from sync.crm.salesforce_bulk import BulkUpdate
from sync.crm.salesforce_rows import Kinds, id_of, outcome_of, rows_of, text_of_value
from sync.crm.salesforce_soql import in_queries, long_id, query

AT_ONCE = 200
"""Records that one call changes at most."""
LARGEST = 10_000
"""Records that are given at once at most: what one bulk job cuts into a batch of its own."""
IN_BULK = 2_000
"""Records above which one bulk job is less than the calls it saves."""
HALVINGS = 30
"""How often a call that was refused as a whole is made as two, to find which record is to blame."""
TOO_MANY_REFUSED = Outcome.retry("not tried: Salesforce can't read what the mapping sets")
EMAIL = "email"
ID = "id"
NOT_AN_ID = "INVALID_QUERY_FILTER_OPERATOR"
"""What a query answers that asks for an id of a form that Salesforce does not know."""

_PAGE = re.compile(r"/services/data/v\d{1,3}\.\d/query/([A-Za-z0-9-]{1,100})")


class SalesforceRecords:
    """The records of one object.

    Args:
        api: asks the org.
        name: the object's API name.
        bulk: changes many of them.
        key: the external id by which a record is found, if it is one.
    """

    at_once = LARGEST

    def __init__(
        self, api: SalesforceApi, name: str, bulk: BulkUpdate, key: str | None = None
    ) -> None:
        self._api = api
        self._name = name
        self._bulk = bulk
        self._key = key
        self._kinds = Kinds()
        self._key_of: dict[str, str] = {}
        self._halvings = HALVINGS

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Give the records whose field `where` (None: the Id, in either form) holds each value."""
        self._key_of.clear()
        if where is None or where.casefold() == ID:
            return self._by_id(values, fields)
        same = {value: _same(where, value) for value in values}
        found: dict[str, dict[str, Record]] = {}
        for row in self._rows(where, list(dict.fromkeys(values)), [*fields, where]):
            record, shown = self._read(row, fields), text_of_value(row.get(where.casefold()))
            found.setdefault(_same(where, shown), {})[record.record_id] = record
            if where == self._key:
                self._key_of[record.record_id] = shown
        return {value: list(found.get(each, {}).values()) for value, each in same.items()}

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write, two hundred per call, or many in one bulk job.

        What is written already is told even if the rest meets an error: that is met again.
        """
        if len(changes) > IN_BULK:
            told = self._bulk.update(changes, self._kinds)
            if told is not None:
                return told
        self._halvings = HALVINGS
        answers: list[Outcome | None] = []
        for part in in_parts(changes, AT_ONCE):
            try:
                answers += self._written(part)
            except CrmBusyError as busy:
                return [*answers, *[busy.outcome] * (len(changes) - len(answers))]
            except (CredentialsRefusedError, TellUserError) as error:
                if not answers:
                    raise
                rest = Outcome.retry(str(error))
                return [*answers, *[rest] * (len(changes) - len(answers))]
        return answers

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

    def _written(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        if len(changes) == 1:
            return [self._alone(changes[0])]
        body = {
            "allOrNone": False,
            "records": [
                {
                    "attributes": {"type": self._name},
                    "id": change.record_id,
                    **self._kinds.as_json(change.after),
                }
                for change in changes
            ],
        }
        try:
            told = self._api.ask("PATCH", "composite", "sobjects", body=body)
        except RefusedError:
            return self._halved(changes)
        if not isinstance(told, list) or len(told) != len(changes):
            unclear = Outcome.retry("Salesforce does not say of each record what became of it")
            return [unclear] * len(changes)
        return [outcome_of(each) for each in told]

    def _halved(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write in two calls what one call can't, because it has a value that can't be read."""
        if self._halvings == 0:
            return [TOO_MANY_REFUSED] * len(changes)
        self._halvings -= 1
        middle = len(changes) // 2
        return [*self._written(changes[:middle]), *self._written(changes[middle:])]

    def _alone(self, change: Change) -> Outcome | None:
        body = self._kinds.as_json(change.after)
        key = self._key_of.get(change.record_id)
        try:
            if self._key and key:
                path = ("sobjects", self._name, self._key, key)
                self._api.ask("PATCH", *path, body=body, updateOnly="true")
            else:
                self._api.ask("PATCH", "sobjects", self._name, change.record_id, body=body)
        except RefusedError as refused:
            if refused.status == SEVERAL:
                return SEVERAL_RECORDS
            fields = ["?"] if refused.names_fields else []
            error = {"statusCode": refused.code, "fields": fields}
            return outcome_of({"success": False, "errors": [error]})
        return None


def _same(where: str, value: str) -> str:
    text = value.strip()
    return text.casefold() if where.casefold() == EMAIL else text


def _next(page: object) -> str | None:
    """Give the name of the page that follows, and no host: that is the org's own."""
    if not isinstance(page, dict) or page.get("done") is True:
        return None
    path = page.get("nextRecordsUrl")
    match = _PAGE.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise CrmBusyError(Outcome.retry("Salesforce does not say where its next page is"))
    return match[1]
