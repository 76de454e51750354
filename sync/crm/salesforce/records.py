"""Salesforce's records of one object, changed two hundred per call.

Every change is made to a record that was read before, since only what it shows says whether it is
to be changed. So it is written by its Id: an update by Id can't create, and can't meet two records.
A single record of one assignment is written by its external id instead, with `updateOnly`, which
keeps an upsert from creating: there Salesforce itself says, by a 300, that a second one has it.

Salesforce has no write that compares what it overwrites. A record of one assignment is nobody
else's, so there it doesn't matter. The fields of a contact are: whoever writes there between our
reading and our writing is overwritten. So what was read some seconds ago is read again right before
it is written, and no contact is changed by a bulk job, which writes whenever its turn comes.

Sources: REST API Developer Guide, "Update Records Using sObject Collections" and "Upsert Records
Using sObject Rows by External ID"; SOAP API Developer Guide, "StatusCode".
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, Result, TellUserError
from sync.crm.mapped.records import SEVERAL as SEVERAL_RECORDS
from sync.crm.mapped.rules import text_of
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, Record, in_parts
from sync.crm.salesforce.api import SEVERAL, RefusedError, SalesforceApi
from sync.crm.salesforce.bulk import BulkUpdate
from sync.crm.salesforce.find import SalesforceFinder
from sync.crm.salesforce.rows import Kinds, outcome_of

AT_ONCE = 200
"""Records that one call changes at most."""
LARGEST = 10_000
"""Records that are given at once at most: what one bulk job cuts into a batch of its own."""
IN_BULK = 2_000
"""Records above which one bulk job is less than the calls it saves."""
FRESH_FOR = 5.0
"""Seconds after which what was read is read again before it is written."""
HALVINGS = 30
"""How often a call that was refused as a whole is made as two, to find which record is to blame."""
UNCLEAR = Outcome.retry("Salesforce does not say of each record what became of it")
TOO_MANY_REFUSED = Outcome.retry("not tried: Salesforce can't read what the mapping sets")
NOT_THERE = Outcome(Result.CONTACT_NOT_FOUND)

Told = dict[str, Outcome | None]
"""What became of records, by Id; None is written."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class OfOneAssignment:
    """What is true of records that are one assignment each.

    Attributes:
        key: the external id by which one is found.
        bulk: changes many.
    """

    key: str
    bulk: BulkUpdate


class SalesforceRecords:
    """The records of one object; see `Records`.

    Args:
        api: asks the org.
        name: the object's API name.
        told: the fields that only tell something, and are not compared.
        own: what is true if each record is one assignment; None if they are contacts.
        clock: seconds that never jump.
    """

    at_once = LARGEST

    def __init__(
        self,
        api: SalesforceApi,
        name: str,
        told: frozenset[str],
        own: OfOneAssignment | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._api = api
        self._name = name
        self._told = told
        self._own = own
        self._clock = clock
        self._kinds = Kinds()
        self._finder = SalesforceFinder(api, name, self._kinds)
        self._key_of: dict[str, str] = {}
        self._read_at: dict[str, float] = {}

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Give the records whose field `where` (None: the Id, in either form) holds each value."""
        asked_at = self._clock()
        found = self._finder.find(where, values, fields)
        by_id = {record.record_id: value for value, hits in found.items() for record in hits}
        is_by_key = self._own is not None and where == self._own.key
        self._key_of = by_id if is_by_key else {}
        self._read_at |= dict.fromkeys(by_id, asked_at)
        return found

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the records behind an Id that may show something, by their Ids."""
        return self._finder.page(after, at_most, fields, shows)

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write, two hundred per call, or many records of assignments in one bulk job.

        What is written already is told even if the rest meets an error: that is met again.
        """
        if self._own is not None and len(changes) > IN_BULK:
            in_bulk = self._own.bulk.update(changes, self._kinds)
            if in_bulk is not None:
                return in_bulk
        return self._written_in_parts(changes)

    def _written_in_parts(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        told: Told = {}
        parts = deque(in_parts(changes, AT_ONCE))
        halvings = HALVINGS
        rest: Outcome | None = None
        while parts and rest is None:
            part = parts.popleft()
            try:
                told |= self._written_if_unchanged(part)
            except RefusedError:
                # One value that can't be read refuses all that are sent with it.
                middle = len(part) // 2
                halvings -= 1
                if halvings < 0:
                    told |= dict.fromkeys(_ids(part), TOO_MANY_REFUSED)
                else:
                    parts.extendleft((part[middle:], part[:middle]))
            except CrmBusyError as busy:
                rest = busy.outcome
            except (CredentialsRefusedError, TellUserError) as error:
                if not told:
                    raise
                rest = Outcome.retry(str(error))
        return [told.get(change.record_id, rest) for change in changes]

    def _written_if_unchanged(self, changes: Sequence[Change]) -> Told:
        told = self._changed(changes)
        rest = [change for change in changes if change.record_id not in told]
        return told | dict(zip(_ids(rest), self._written(rest), strict=True))

    def _changed(self, changes: Sequence[Change]) -> Told:
        """Say, by Id, which no longer show what they showed; nothing where that was just read."""
        long_ago = self._clock() - FRESH_FOR
        ids = _ids(changes)
        if self._own is not None or all(self._read_at.get(each, -inf) >= long_ago for each in ids):
            return {}
        compared = {name for change in changes for name in change.before} - self._told
        now = self._finder.find(None, ids, sorted(compared))
        changed: Told = {}
        for change in changes:
            hits = now.get(change.record_id)
            if not hits:
                changed[change.record_id] = NOT_THERE
            elif any(
                text_of(hits[0].fields, name) != text_of(change.before, name)
                for name in compared & change.before.keys()
            ):
                changed[change.record_id] = LOST_RACE
        return changed

    def _written(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write in one call.

        Raises:
            RefusedError: of several, one has a value that can't be read; nothing was written.
        """
        if len(changes) <= 1:
            return [self._alone(change) for change in changes]
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
        told = self._api.ask("PATCH", "composite", "sobjects", body=body)
        if not isinstance(told, list) or len(told) != len(changes):
            return [UNCLEAR] * len(changes)
        return [outcome_of(each) for each in told]

    def _alone(self, change: Change) -> Outcome | None:
        body = self._kinds.as_json(change.after)
        key = self._key_of.get(change.record_id, "")
        try:
            # An address may be read in a way of its own if the id in it has dots, or worse.
            if self._own is not None and _PLAIN.fullmatch(key):
                path: tuple[str, ...] = ("sobjects", self._name, self._own.key, key)
                told = self._api.ask("PATCH", *path, body=body, updateOnly="true")
            else:
                path = ("sobjects", self._name, change.record_id)
                told = self._api.ask("PATCH", *path, body=body)
        except RefusedError as refused:
            if refused.status == SEVERAL:
                return SEVERAL_RECORDS
            fields = ["?"] if refused.names_fields else []
            error = {"statusCode": refused.code, "fields": fields}
            return outcome_of({"success": False, "errors": [error]})
        if told is None:
            return None
        return outcome_of(told) if isinstance(told, dict) and "success" in told else UNCLEAR


def _ids(changes: Sequence[Change]) -> list[str]:
    return [change.record_id for change in changes]
