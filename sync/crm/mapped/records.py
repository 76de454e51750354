"""What an unassignment means for the record that is its assignment; no I/O.

A record is found by the assignment's id alone and always ended: a newer assignment has another id,
and so another record.
"""

from sync.crm.adapter import Fields, Outcome, Result, Unassignment
from sync.crm.mapped.filling import filled, fixed_fields
from sync.crm.mapped.mapping import FindRule, RecordMapping, RecordPart
from sync.crm.mapped.rules import Decision, text_of

SEVERAL = Outcome.rejected("several records have this assignment's id: see which of them is right")


class RecordRules:
    """The rules of a mapping of records."""

    nobody = Outcome(Result.ASSIGNMENT_NOT_FOUND)
    several = SEVERAL

    def __init__(self, mapping: RecordMapping) -> None:
        self._record = mapping.record
        self.find: tuple[FindRule, ...] = (FindRule(mapping.record.holder_id, "holder_id"),)
        self.fields: tuple[str, ...] = mapping.fields()
        self.told = frozenset(mapping.record.set)
        self.fixed = fixed_fields([mapping.record.set])

    def answered(self, _about: Unassignment) -> None:
        """Give nothing: each is looked for."""

    def rests_on_code(self, _about: Unassignment, _shown: Fields) -> bool:
        """Tell that nothing does."""
        return False

    def decide(self, about: Unassignment, shown: Fields) -> Decision:
        """Decide what changes in a record that shows these fields."""
        if has_ended(self._record, shown):
            return Decision(Outcome(Result.ALREADY_REMOVED), {})
        changes = _changes(self._record, about)
        return Decision(Outcome(Result.REMOVED), changes, deletes=self._record.delete)


def has_ended(record: RecordPart, shown: Fields) -> bool:
    """Tell whether a record shows that its assignment has ended; one that is deleted never does."""
    if record.delete:
        return False
    if record.status is not None:
        return text_of(shown, record.status) == record.ended.strip()
    return not any(text_of(shown, field) for field in record.clear)


def _changes(record: RecordPart, about: Unassignment) -> Fields:
    status = {record.status: record.ended} if record.status else {}
    told = {field: filled(text, about) for field, text in record.set.items()}
    return status | dict.fromkeys(record.clear, "") | told
