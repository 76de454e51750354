"""A CRM in memory, as the writer of a mapping sees it."""

from collections import Counter

from sync.crm.mapped.writer import Record


class Book:
    """Contacts in memory, a dictionary each, in the place of a CRM.

    `refused` says why the record of an id is not written, `errors` what the nth call of a kind
    raises, `before` what happens before it; `merged` leads from an id that is no more to another.
    """

    at_once = 3

    def __init__(self, *contacts):
        self.rows = {str(number): dict(row) for number, row in enumerate(contacts)}
        self.calls = Counter()
        self.refused = {}
        self.errors = {}
        self.before = {}
        self.merged = {}

    def _call(self, kind):
        self.calls[kind] += 1
        self.before.get((kind, self.calls[kind]), lambda: None)()
        if error := self.errors.get((kind, self.calls[kind])):
            raise error

    def find(self, where, values, fields):
        self._call("find")
        assert len(values) <= self.at_once
        found = {value: [] for value in values}
        for record_id, row in self.rows.items():
            shown = Record(record_id, {name: row.get(name, "") for name in fields})
            for value, hits in found.items():
                is_asked = self.merged.get(value, value) if where is None else value
                if is_asked == (record_id if where is None else row.get(where)):
                    hits.append(shown)
        return found

    def write(self, changes):
        self._call("write")
        assert len(changes) <= self.at_once
        told = [self.refused.get(each.record_id) for each in changes]
        for change, outcome in zip(changes, told, strict=True):
            if outcome is None and change.deletes:
                del self.rows[change.record_id]
            elif outcome is None:
                self.rows[change.record_id] |= change.after
        return told
