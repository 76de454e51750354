"""HubSpot's objects as a mapping needs them: found, compared, and written a hundred at once.

Nothing here creates an object, and nothing is written side by side. HubSpot has no write that
compares: whoever writes the same property after our reading and before our writing is overwritten.
So what was read some seconds ago, and what a call may or may not have written, is read again before
it is written.

Source: HubSpot developer documentation, "CRM API | Objects" (batch update) and "Error handling"
(2026-09). A write whose answer is lost may be sent again: it sets fields, and adds to none.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from sync.crm.adapter import (
    Change,
    CredentialsRefusedError,
    Fields,
    Outcome,
    Result,
    TellUserError,
)
from sync.crm.hubspot.api import VERSION, HubSpotApi, RefusedError, category_of, named_by, rows_of
from sync.crm.hubspot.find import AT_ONCE, SMALLER, Found, HubSpotFinder
from sync.crm.hubspot.properties import Properties
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, Record, in_parts

FRESH_FOR = 5.0
"""Seconds after which what was read is read again before it is written."""
LONGEST_PAUSE = timedelta(seconds=12)
"""What HubSpot may ask us to wait before a write is tried once more."""
NOT_THERE = 404
GONE = "OBJECT_NOT_FOUND"
FORBIDDEN_BY_RULE = "VALIDATION_ERROR"

Told = list[Outcome | None]


class HubSpotObjects:
    """The objects of one kind in one account; see `Records`.

    Args:
        api: asks the account.
        object_type: what HubSpot calls these objects.
        properties: of these objects.
        told: the fields that only tell something; HubSpot may spell what is written there anew.
        wait: waits the given seconds.
        clock: seconds that never jump.
    """

    at_once = AT_ONCE

    def __init__(
        self,
        api: HubSpotApi,
        object_type: str,
        properties: Properties,
        told: frozenset[str],
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._api = api
        self._path = ("crm", "objects", VERSION, object_type)
        self._properties = properties
        self._told = told
        self._finder = HubSpotFinder(api, object_type, properties, wait=wait, clock=clock)
        self._wait = wait
        self._clock = clock
        self._read_at: dict[str, float] = {}

    def find(self, where: str | None, values: Sequence[str], fields: Sequence[str]) -> Found:
        """Give the objects whose property `where` (None: the record id) holds each value."""
        asked_at = self._clock()
        found = self._finder.find(where, values, fields)
        lists = [hits for hits in found.values() if not isinstance(hits, Outcome)]
        self._read_at |= {each.record_id: asked_at for hits in lists for each in hits}
        return found

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the objects behind an id that may show something, by their ids."""
        return self._finder.page(after, at_most, fields, shows)

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write all in one call; what HubSpot refuses is told apart in smaller ones."""
        if self._is_old(changes):
            return self._looked_at(changes, self._update)
        try:
            return self._update(changes)
        except CrmBusyError as busy:
            self._pause(busy)
            return self._looked_at(changes, self._update)

    def _is_old(self, changes: Sequence[Change]) -> bool:
        now = self._clock()
        return any(now - self._read_at.get(each.record_id, now) > FRESH_FOR for each in changes)

    def _pause(self, busy: CrmBusyError) -> None:
        pause = busy.outcome.after or timedelta(0)
        if pause > LONGEST_PAUSE:
            raise busy
        if pause:
            self._wait(pause.total_seconds())

    def _looked_at(
        self, changes: Sequence[Change], write: Callable[[Sequence[Change]], Told]
    ) -> Told:
        """Write what still shows what was read, and tell of the rest what became of it."""
        fields = list(dict.fromkeys(name for each in changes for name in each.after))
        found = self.find(None, [each.record_id for each in changes], fields)
        told: dict[int, Outcome | None] = {}
        still: dict[int, Change] = {}
        for at, change in enumerate(changes):
            hits = found.get(change.record_id, ())
            if isinstance(hits, Outcome):
                told[at] = hits
            elif not hits:
                told[at] = Outcome(Result.CONTACT_NOT_FOUND)
            elif self._shows(hits[0].fields, change.before):
                still[at] = Change(hits[0].record_id, change.before, change.after)
            else:
                is_written = self._shows(hits[0].fields, change.after)
                told[at] = None if is_written else LOST_RACE
        if still:
            is_any_written = None in told.values()
            answers = self._or_later(list(still.values()), write, is_any_written=is_any_written)
            told |= zip(still, answers, strict=True)
        return [told[at] for at in range(len(changes))]

    def _shows(self, shown: Fields, wanted: Fields) -> bool:
        return all(
            shown.get(name, "").strip() == text.strip()
            for name, text in wanted.items()
            if name not in self._told
        )

    def _or_later(
        self,
        changes: Sequence[Change],
        write: Callable[[Sequence[Change]], Told],
        *,
        is_any_written: bool,
    ) -> Told:
        """Write; an error for a person stops these alone where others were written already."""
        try:
            return write(changes)
        except CrmBusyError as busy:
            outcome = busy.outcome
        except (TellUserError, CredentialsRefusedError) as error:
            if not is_any_written:
                raise
            outcome = Outcome.retry(str(error))
        return [outcome] * len(changes)

    def _update(self, changes: Sequence[Change]) -> Told:
        if len(changes) == 1:
            return [self._alone(changes[0])]
        inputs = [{"id": each.record_id, "properties": dict(each.after)} for each in changes]
        try:
            answer = self._api.post(*self._path, "batch", "update", body={"inputs": inputs})
        except RefusedError:
            # One input that can't be taken refuses them all; what the mapping got wrong would.
            self._properties.require()
            return self._in_parts(changes, next(each for each in SMALLER if each < len(changes)))
        return self._one_by_one(changes, answer)

    def _in_parts(self, changes: Sequence[Change], size: int) -> Told:
        """Write in smaller calls; what was written stays told where a later call fails."""
        told: Told = []
        failed: Outcome | None = None
        for part in in_parts(changes, size):
            if failed is None:
                try:
                    # Many small calls take a while, in which the last ones may get something newer.
                    is_old = self._is_old(part)
                    told += self._looked_at(part, self._update) if is_old else self._update(part)
                    continue
                except CrmBusyError as busy:
                    failed = busy.outcome
                except (TellUserError, CredentialsRefusedError) as error:
                    if None not in told:
                        raise
                    failed = Outcome.retry(str(error))
            told += [failed] * len(part)
        return told

    def _one_by_one(self, changes: Sequence[Change], answer: Mapping[str, Any]) -> Told:
        """Take each change's own answer out of one for all; who has none is asked alone."""
        written = {str(row.get("id")) for row in rows_of(answer, "results")}
        blamed = _blamed(answer)
        told: dict[str, Outcome | None] = {}
        unknown: list[Change] = []
        for change in changes:
            category = blamed.get(change.record_id)
            if change.record_id in written:
                told[change.record_id] = None
            elif category == GONE:
                told[change.record_id] = Outcome(Result.CONTACT_NOT_FOUND)
            elif category == FORBIDDEN_BY_RULE:
                told[change.record_id] = _forbidden(f"HubSpot refuses it ({category})")
            else:
                unknown.append(change)
        if unknown:
            # It may have been merged in this moment, and what is left may show something newer.
            answers = self._or_later(
                unknown,
                lambda each: self._looked_at(each, self._singly),
                is_any_written=None in told.values(),
            )
            told |= zip((each.record_id for each in unknown), answers, strict=True)
        return [told[each.record_id] for each in changes]

    def _singly(self, changes: Sequence[Change]) -> Told:
        return self._in_parts(changes, 1)

    def _alone(self, change: Change) -> Outcome | None:
        body = {"properties": dict(change.after)}
        try:
            self._api.patch(*self._path, change.record_id, body=body)
        except RefusedError as refused:
            if refused.status == NOT_THERE:
                return Outcome(Result.CONTACT_NOT_FOUND)
            self._properties.require()
            return _forbidden(str(refused))
        return None


def _blamed(answer: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the category of each id that an error names."""
    blamed: dict[str, str] = {}
    for error in rows_of(answer, "errors"):
        blamed |= dict.fromkeys(named_by(error), category_of(error))
    return blamed


def _forbidden(refused: str) -> Outcome:
    return Outcome.rejected(f"{refused}: a rule of the account forbids what would be written")
