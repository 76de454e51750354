"""Slots in any CRM: finds contacts, decides, and writes what changed; knows no vendor.

A batch is read, decided and written in a few calls. Two unassignments of one contact see one
another's effect and become one write. Between reading and writing somebody else may write the same
field; where a CRM has no write that compares, that moment stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sync.crm.adapter import Outcome, Result, Unassignment
from sync.crm.mapping import FindRule, Slot, SlotMapping
from sync.crm.slots import Fields, decide, slot_of

NO_CONTACT = Outcome(Result.CONTACT_NOT_FOUND)
SEVERAL = Outcome.rejected("several contacts match: see which of them is the right one")


class CrmBusyError(Exception):
    """A call could not be made now; `outcome` is the `RETRY` that says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact as it was read; `fields` are those that the mapping names."""

    record_id: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written into one contact; an empty text clears."""

    record_id: str
    fields: Fields


class Contacts(Protocol):
    """The contacts of one CRM account.

    Both raise `CrmBusyError` for what may succeed later, `CredentialsRefusedError` and
    `TellUserError` for what a person has to do. `at_once` is how many values or changes one call
    takes.
    """

    @property
    def at_once(self) -> int:
        """How many values, or changes, are given at most."""

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Contact]]:
        """Give the contacts whose field `where` (None: the record id) holds each value."""

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write; for each change None, or why it was not written: `REJECTED` or `RETRY`."""


@dataclass(slots=True)
class _Work:
    """One batch on its way; the numbers are places in it.

    `shown` is what each contact will show, `by_writing` whose answer is true once it is written.
    """

    batch: Sequence[Unassignment]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    slots: dict[int, Slot] = field(default_factory=dict)
    found: dict[int, Contact] = field(default_factory=dict)
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    changes: dict[str, dict[str, str]] = field(default_factory=dict)
    by_writing: set[int] = field(default_factory=set)

    def open(self) -> list[int]:
        """Give the places of those that are still to be found."""
        return [at for at in self.slots if at not in self.found and at not in self.outcomes]

    def told(self) -> list[Outcome]:
        return [self.outcomes[at] for at in range(len(self.batch))]


class SlotWriter:
    """Ends assignments in the slots of contacts.

    Args:
        mapping: which contacts, which fields.
        contacts: the CRM.
    """

    def __init__(self, mapping: SlotMapping, contacts: Contacts) -> None:
        self._mapping = mapping
        self._contacts = contacts

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now, and write nothing."""
        return self._decided(batch).told()

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment; what could not be written is told for each that it concerns."""
        work = self._decided(batch)
        self._write(work)
        return work.told()

    def _decided(self, batch: Sequence[Unassignment]) -> _Work:
        work = _Work(batch)
        for at, about in enumerate(batch):
            chosen = slot_of(self._mapping, about)
            if isinstance(chosen, Outcome):
                work.outcomes[at] = chosen
            else:
                work.slots[at] = chosen
        try:
            for rule in self._mapping.find:
                self._find(work, rule)
        except CrmBusyError as busy:
            # Nothing was written yet, and who was found already may have several hits elsewhere.
            work.outcomes |= dict.fromkeys(work.slots, busy.outcome)
            return work
        work.outcomes |= dict.fromkeys(work.open(), NO_CONTACT)
        for at in sorted(work.found):
            _decide(work, at)
        return work

    def _find(self, work: _Work, rule: FindRule) -> None:
        named = {at: (getattr(work.batch[at], rule.known) or "").strip() for at in work.open()}
        values = list(dict.fromkeys(filter(None, named.values())))
        hits: dict[str, Sequence[Contact]] = {}
        for start in range(0, len(values), self._contacts.at_once):
            some = values[start : start + self._contacts.at_once]
            hits |= self._contacts.find(rule.field, some, self._mapping.fields())
        for at, value in named.items():
            contacts = hits.get(value, ())
            if len(contacts) > 1:
                work.outcomes[at] = SEVERAL
            elif contacts:
                work.found[at] = contacts[0]

    def _write(self, work: _Work) -> None:
        changes = [Change(who, fields) for who, fields in work.changes.items() if fields]
        failed: dict[str, Outcome] = {}
        for start in range(0, len(changes), self._contacts.at_once):
            some = changes[start : start + self._contacts.at_once]
            try:
                told = self._contacts.write(some)
            except CrmBusyError as busy:
                # What was written before is so; what follows would meet the same.
                failed |= {each.record_id: busy.outcome for each in changes[start:]}
                break
            failed |= {
                change.record_id: outcome
                for change, outcome in zip(some, told, strict=True)
                if outcome is not None
            }
        for at in work.by_writing:
            record_id = work.found[at].record_id
            work.outcomes[at] = failed.get(record_id, work.outcomes[at])


def _decide(work: _Work, at: int) -> None:
    contact = work.found[at]
    shown = work.shown.setdefault(contact.record_id, dict(contact.fields))
    decision = decide(work.slots[at], work.batch[at], shown)
    work.outcomes[at] = decision.outcome
    changes = work.changes.setdefault(contact.record_id, {})
    if decision.changes or work.slots[at].code in changes:
        # The answer to a repeat in the same batch rests on the write of the first one.
        work.by_writing.add(at)
    shown |= decision.changes
    changes |= decision.changes
