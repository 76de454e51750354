"""Takes back what a mapping's unassignments changed, where nobody wrote into it since."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sync.crm.adapter import Change, Fields, Outcome, Restored, Result, Undone
from sync.crm.mapped.rules import text_of
from sync.crm.mapped.writer import CrmBusyError, Record, Records, in_parts, write_all

DELETED = Restored(Undone.REJECTED, "a record that was deleted is not written back")
NOT_READ = Restored(Undone.REJECTED, "the mapping no longer names a field that it changed")
GONE = Restored(Undone.NOT_FOUND)


class Compared(Protocol):
    """What of `Rules` says whether a record still shows what was left in it."""

    @property
    def fields(self) -> Sequence[str]:
        """The fields that are read."""

    @property
    def told(self) -> frozenset[str]:
        """Those of them that say nothing of whether the record still shows what was left."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those of `told` that stay as they are where somebody wrote into them since."""


def restore(
    records: Records, rules: Compared, changes: Sequence[Change], *, dry_run: bool
) -> Sequence[Restored]:
    """Do what `Restores.restore` promises, for the records of one CRM."""
    ids = list(dict.fromkeys(each.record_id for each in changes if not each.deletes))
    found: dict[str, Record] = {}
    try:
        for part in in_parts(ids, records.at_once):
            for record_id, hits in records.find(None, part, rules.fields).items():
                if isinstance(hits, Outcome):
                    raise CrmBusyError(hits)
                if hits:
                    found[record_id] = hits[0]
    except CrmBusyError as busy:
        return [Restored(Undone.RETRY, busy.outcome.reason)] * len(changes)
    shown = {each.record_id: dict(each.fields) for each in found.values()}
    back: dict[str, dict[str, str]] = {}
    told = [_decided(change, found, shown, back, rules) for change in changes]
    told = _said_again(changes, told, found, shown, rules.told)
    if dry_run:
        return told
    failed = write_all(records, _to_write(found, back))
    return [
        _after_writing(answer, found, change, failed)
        for answer, change in zip(told, changes, strict=True)
    ]


def _decided(
    change: Change,
    found: dict[str, Record],
    shown: dict[str, dict[str, str]],
    back: dict[str, dict[str, str]],
    rules: Compared,
) -> Restored:
    if change.deletes:
        return DELETED
    record = found.get(change.record_id)
    if record is None:
        return GONE
    if not change.after.keys() <= record.fields.keys():
        return NOT_READ
    now = shown[record.record_id]
    compared = [name for name in change.after if name not in rules.told]
    if _shows(now, change.after, compared):
        before = {
            name: text
            for name, text in change.before.items()
            if name not in rules.fixed or _shows(now, change.after, [name])
        }
        now |= before
        back.setdefault(record.record_id, {}).update(before)
        return Restored(Undone.RESTORED)
    if _shows(now, change.before, compared):
        return Restored(Undone.ALREADY_RESTORED)
    return Restored(Undone.CHANGED_SINCE)


def _said_again(
    changes: Sequence[Change],
    answers: Sequence[Restored],
    found: Mapping[str, Record],
    shown: Mapping[str, Fields],
    told: frozenset[str],
) -> list[Restored]:
    """See what an undo that was cut off has done already, where one record was changed repeatedly.

    The record then shows what was there before the first of its changes, which neither side of the
    later ones is like.
    """
    again = list(answers)
    reached: dict[str, dict[str, str]] = {}
    for at, change in reversed(list(enumerate(changes))):
        if change.record_id not in found:
            continue
        who = found[change.record_id].record_id
        if again[at].result is Undone.CHANGED_SINCE and who in reached:
            compared = [name for name in change.after if name not in told]
            if _shows({**shown[who], **reached[who]}, change.before, compared):
                again[at] = Restored(Undone.ALREADY_RESTORED)
        if again[at].result is Undone.ALREADY_RESTORED:
            reached.setdefault(who, {}).update(change.after)
    return again


def _shows(now: Fields, wanted: Fields, compared: Sequence[str]) -> bool:
    return all(text_of(now, name) == text_of(wanted, name) for name in compared)


def _to_write(found: dict[str, Record], back: dict[str, dict[str, str]]) -> list[Change]:
    fields = {each.record_id: each.fields for each in found.values()}
    return [
        Change(who, {name: fields[who].get(name, "") for name in after}, after)
        for who, after in back.items()
    ]


def _after_writing(
    answer: Restored, found: dict[str, Record], change: Change, failed: Mapping[str, Outcome]
) -> Restored:
    if answer.result not in {Undone.RESTORED, Undone.ALREADY_RESTORED}:
        return answer
    record = found[change.record_id]
    outcome = failed.get(record.record_id)
    if outcome is None or _shows(record.fields, change.before, list(change.before)):
        return answer
    by_result = {Result.RETRY: Undone.RETRY, Result.CONTACT_NOT_FOUND: Undone.NOT_FOUND}
    return Restored(by_result.get(outcome.result, Undone.REJECTED), outcome.reason)
