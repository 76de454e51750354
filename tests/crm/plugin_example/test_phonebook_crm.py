"""The phonebook's adapter keeps the contract."""

import sqlite3
from contextlib import closing, contextmanager

import pytest
from phonebook_crm import Phonebook

from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble

TABLE = "CREATE TABLE contacts (customer_id, code, holder_id, note)"


class TestPhonebook(AdapterContract):
    shape = "slots"
    keeps_holder_id = True
    not_proven = {
        14: "a phonebook has no secrets",
        16: "the field keeps one code",
        17: "a code alone is never cleared",
        18: "it has no preview",
        19: "it keeps no changes",
        22: "it lists nobody",
        Trouble.THROTTLED: "SQLite has no such limit",
        Trouble.BROKEN: "a file breaks for good, which is for a person",
        Trouble.KEY_REFUSED: "a file has no key",
        Trouble.ITEM_FAILS: "what fails for one contact is a rule",
        Trouble.ANSWER_LOST: "SQLite is in this process, no answer is lost",
        Trouble.OVERTAKEN: "a transaction of SQLite lets nobody in between",
    }

    @pytest.fixture(autouse=True)
    def phonebook(self, tmp_path):
        self.file = tmp_path / "phonebook.db"
        self.do(TABLE)

    def do(self, statement, *values):
        with closing(sqlite3.connect(self.file)) as book, book:
            return book.execute(statement, values).fetchall()

    def make_adapter(self):
        return Phonebook(self.file, wait=0.1)

    def seed(self, *given):
        for each in given:
            row = (each.customer_id, each.code, each.holder_id, each.note)
            for _ in range(each.copies):
                self.do("INSERT INTO contacts VALUES (?, ?, ?, ?)", *row)

    def peek(self, given):
        fields = "SELECT code, holder_id, note FROM contacts WHERE customer_id = ?"
        return [
            Held(code=code, holder_id=holder_id, other={"note": note})
            for code, holder_id, note in self.do(fields, given.customer_id)
        ]

    def count(self):
        return self.do("SELECT count(*) FROM contacts")[0][0]

    @contextmanager
    def trouble(self, kind, given):
        if kind is Trouble.SILENT:
            with closing(sqlite3.connect(self.file)) as other:
                other.execute("BEGIN EXCLUSIVE")
                yield
        elif kind is Trouble.WRITE_REFUSED:
            rule = f"OLD.customer_id = '{given.customer_id}'"
            self.do(
                f"CREATE TRIGGER rule BEFORE UPDATE ON contacts WHEN {rule} "
                "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
            yield
            self.do("DROP TRIGGER rule")
        else:
            raise NotImplementedError

    def misconfigured(self):
        nowhere, other = self.file.with_name("nowhere.db"), self.file.with_name("other.db")
        other.touch()
        yield Misconfigured("no file", lambda: Phonebook(nowhere), says=("there is no file",))
        yield Misconfigured("another file", lambda: Phonebook(other), says=("is no phonebook",))
        yield Misconfigured("no setting", lambda: Phonebook.from_env({}), says=("is missing",))
