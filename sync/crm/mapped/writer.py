"""Ends assignments where a mapping says: finds records, decides, writes; knows no vendor.

A batch is read, decided and written in a few calls. Two unassignments of one record see one
another's effect and become one write. Between reading and writing somebody else may write the same
field; where a CRM has no write that compares, that moment stays.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sync.crm.adapter import (
    Change,
    CredentialsRefusedError,
    Fields,
    HeldNow,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)
from sync.crm.mapped.mapping import FindRule, Mapped, SlotMapping
from sync.crm.mapped.records import RecordRules
from sync.crm.mapped.rules import Rules
from sync.crm.mapped.slots import SlotRules

LOST_RACE = Outcome.retry("another writer changes this record at the same time")
"""What `Records.write` says of a change that compared and lost: it is decided anew, once."""

Item = TypeVar("Item")


class CrmBusyError(Exception):
    """A call could not be made now; `outcome` is the `RETRY` that says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read; `fields` are those that were asked for."""

    record_id: str
    fields: Fields


class Records(Protocol):
    """The records of one kind in one CRM account.

    Both calls raise `CrmBusyError` for what may succeed later, `CredentialsRefusedError` and
    `TellUserError` for what a person has to do.
    """

    @property
    def at_once(self) -> int:
        """How many values, or changes, one call is given at most."""

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record] | Outcome]:
        """Give the records whose field `where` (None: the CRM's own id) holds exactly each value.

        A value that nothing was found for may be left out; for one that could not be asked for,
        while others could, the `RETRY` that says why.
        """

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write, at most one change of a record; for each None, or why it was not written.

        That is `REJECTED`, `RETRY`, `LOST_RACE`, or `CONTACT_NOT_FOUND` for a record that is gone.
        """


def rules_of(mapping: Mapped) -> Rules:
    """Give the rules of a mapping's shape."""
    return SlotRules(mapping) if isinstance(mapping, SlotMapping) else RecordRules(mapping)


def in_parts(items: Sequence[Item], at_once: int) -> Iterator[Sequence[Item]]:
    """Give items in parts that one call takes."""
    for start in range(0, len(items), at_once):
        yield items[start : start + at_once]


def write_all(records: Records, changes: Sequence[Change]) -> Mapping[str, Outcome]:
    """Write changes in as many calls as it takes; give why some were not written, by record.

    What was written before the CRM is busy is so; what follows would meet the same. What a person
    has to do is told by an error only where nothing was written yet: else what was would be lost.
    """
    failed: dict[str, Outcome] = {}
    busy: Outcome | None = None
    for number, part in enumerate(in_parts(changes, records.at_once)):
        answers: Sequence[Outcome | None] = ()
        if busy is None:
            try:
                answers = records.write(part)
            except CrmBusyError as error:
                busy = error.outcome
            except (CredentialsRefusedError, TellUserError) as error:
                if number == 0:
                    raise
                busy = _later(error)
        if busy is not None:
            answers = [busy] * len(part)
        told = zip(part, answers, strict=True)
        failed |= {each.record_id: outcome for each, outcome in told if outcome is not None}
    return failed


def _later(error: Exception) -> Outcome:
    """Give what follows where an error would lose outcomes; the next batch meets it anew."""
    return Outcome.retry(str(error))


@dataclass(slots=True)
class _Work:
    """One batch on its way; the numbers are places in it.

    `found` are the ids of records, `read` each record as it was read last, `shown` what it will
    show, `changing` how many change it, and `by_writing` whose answer is true once it is written.
    """

    batch: list[Unassignment]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    found: dict[int, str] = field(default_factory=dict)
    read: dict[str, Record] = field(default_factory=dict)
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    changes: dict[str, dict[str, str]] = field(default_factory=dict)
    changing: Counter[str] = field(default_factory=Counter)
    deleted: set[str] = field(default_factory=set)
    by_writing: set[int] = field(default_factory=set)

    def open(self) -> list[int]:
        """Give the places of those that are still to be found."""
        places = range(len(self.batch))
        return [at for at in places if at not in self.found and at not in self.outcomes]

    def to_write(self) -> list[Change]:
        """Give one change for each record that changes."""
        return [
            Change(who, {name: self.read[who].fields.get(name, "") for name in after}, after)
            for who, after in self.changes.items()
            if after or who in self.deleted
        ]

    def told(self) -> list[Outcome]:
        return [self.outcomes[at] for at in range(len(self.batch))]


class MappedWriter:
    """Ends assignments in the records of a CRM.

    Args:
        rules: which records, which fields.
        records: the CRM.
    """

    def __init__(self, rules: Rules, records: Records) -> None:
        self._rules = rules
        self._records = records
        self._held_now: HeldNow | None = None

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before anything is cleared that only its code names."""
        self._held_now = held_now

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now, and write nothing."""
        return self._decided(batch).told()

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment; what could not be written is told for each that it concerns."""
        outcomes = list(self._unassigned(batch))
        lost = [at for at, outcome in enumerate(outcomes) if outcome is LOST_RACE]
        for at, outcome in zip(lost, self._again([batch[at] for at in lost]), strict=True):
            outcomes[at] = outcome
        return outcomes

    def _again(self, lost: Sequence[Unassignment]) -> Sequence[Outcome]:
        try:
            return self._unassigned(lost) if lost else []
        except (CredentialsRefusedError, TellUserError) as error:
            return [_later(error)] * len(lost)

    def _unassigned(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        work = self._decided(batch)
        failed = write_all(self._records, work.to_write())
        for at in sorted(work.by_writing):
            who = work.found[at]
            outcome = failed.get(who, work.outcomes[at])
            if outcome.result is Result.REJECTED and work.changing[who] > 1:
                # Which of those that share the write is refused shows one after the other.
                (outcome,) = self._again([batch[at]])
            is_gone = outcome.result is Result.CONTACT_NOT_FOUND
            work.outcomes[at] = self._rules.nobody if is_gone else outcome
        return work.told()

    def _decided(self, batch: Sequence[Unassignment]) -> _Work:
        work = _Work(list(batch))
        for at, about in enumerate(batch):
            if (outcome := self._rules.answered(about)) is not None:
                work.outcomes[at] = outcome
        try:
            for rule in self._rules.find:
                self._find(work, rule)
        except CrmBusyError as busy:
            # Nothing was written yet, and who was found already may have several hits elsewhere.
            work.outcomes |= dict.fromkeys([*work.open(), *work.found], busy.outcome)
            return work
        work.outcomes |= dict.fromkeys(work.open(), self._rules.nobody)
        self._ask(work)
        for at in sorted(work.found):
            self._decide(work, at)
        return work

    def _find(self, work: _Work, rule: FindRule) -> None:
        named = {at: (getattr(work.batch[at], rule.known) or "").strip() for at in work.open()}
        values = list(dict.fromkeys(filter(None, named.values())))
        hits: dict[str, Sequence[Record] | Outcome] = {}
        for part in in_parts(values, self._records.at_once):
            hits |= self._records.find(rule.field, part, self._rules.fields)
        for at, value in named.items():
            hit = hits.get(value, ())
            if isinstance(hit, Outcome):
                work.outcomes[at] = hit
                continue
            records = {record.record_id: record for record in hit}
            if len(records) > 1:
                work.outcomes[at] = self._rules.several
            elif records:
                work.found[at] = next(iter(records))
                work.read |= records

    def _ask(self, work: _Work) -> None:
        if self._held_now is None:
            return
        unsure = [
            at
            for at, who in work.found.items()
            if self._rules.rests_on_code(work.batch[at], work.read[who].fields)
        ]
        if unsure:
            known_now = self._held_now([work.batch[at] for at in unsure])
            for at, about in zip(unsure, known_now, strict=True):
                work.batch[at] = about

    def _decide(self, work: _Work, at: int) -> None:
        who = work.found[at]
        record = work.read[who]
        shown = work.shown.setdefault(who, dict(record.fields))
        changes = work.changes.setdefault(who, {})
        if who in work.deleted:
            work.outcomes[at] = self._rules.nobody
            work.by_writing.add(at)
            return
        decision = self._rules.decide(work.batch[at], shown)
        work.outcomes[at] = decision.outcome
        if decision.outcome.result is not Result.REMOVED:
            # The answer to a repeat in the same batch rests on the write of the first one.
            if self._rules.decide(work.batch[at], record.fields).outcome != decision.outcome:
                work.by_writing.add(at)
            return
        before = {name: shown.get(name, "") for name in decision.changes}
        if decision.deletes:
            work.deleted.add(who)
            before = shown
        change = Change(who, dict(before), dict(decision.changes))
        work.outcomes[at] = Outcome(decision.outcome.result, decision.outcome.reason, None, change)
        work.by_writing.add(at)
        work.changing[who] += 1
        shown |= decision.changes
        changes |= decision.changes
