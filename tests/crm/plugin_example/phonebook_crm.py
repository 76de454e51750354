"""An adapter for a phonebook: an SQLite file with a table of contacts."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from sync.crm.adapter import API_VERSION, Capability, Outcome, Result, TellUserError


class Phonebook:
    """Each contact has a field for a code, and one for the id of its assignment."""

    api_version = API_VERSION
    setting_names = frozenset({"PHONEBOOK_FILE"})
    capabilities = frozenset({Capability.REPORTS_NOT_FOUND, Capability.COMPARES_ON_SERVER})

    def __init__(self, file, wait=2.0):
        self.place = str(file)
        self.wait = wait
        self.destination = f"phonebook-{sha256(self.place.encode()).hexdigest()[:8]}"

    @classmethod
    def from_env(cls, env):
        if not env.get("PHONEBOOK_FILE"):
            raise TellUserError("PHONEBOOK_FILE is missing: say where the phonebook is")
        return cls(Path(env["HOLDERSYNC_HOME"], env["PHONEBOOK_FILE"]))

    def check(self):
        if not Path(self.place).is_file():
            raise TellUserError(f"PHONEBOOK_FILE: there is no file {self.place}")
        try:
            with closing(self.open()) as book:
                book.execute("SELECT customer_id, code, holder_id FROM contacts LIMIT 1")
        except sqlite3.Error as error:
            raise TellUserError(f"PHONEBOOK_FILE: {self.place} is no phonebook") from error
        return ["whether this user may write was not tried"]

    def unassign(self, batch):
        return [self.end(each) for each in batch]

    def end(self, about):
        try:
            with closing(self.open()) as book, book:
                book.execute("BEGIN IMMEDIATE")
                return self.end_in(book, about)
        except sqlite3.IntegrityError:
            return Outcome.rejected("a rule of the phonebook forbids it")
        except sqlite3.OperationalError:
            return Outcome.retry("the phonebook is locked, or can't be read now")

    def end_in(self, book, about):
        found = "SELECT holder_id FROM contacts WHERE customer_id = ?"
        shown = [row[0] for row in book.execute(found, (about.customer_id,))]
        if len(shown) > 1:
            return Outcome.rejected("several contacts have this customer's id")
        if not shown:
            return Outcome(Result.CONTACT_NOT_FOUND)
        if shown[0] != about.holder_id:
            return Outcome(Result.SUPERSEDED if shown[0] else Result.ALREADY_REMOVED)
        clear = "UPDATE contacts SET code = '', holder_id = '' WHERE holder_id = ?"
        book.execute(clear, (about.holder_id,))
        return Outcome(Result.REMOVED)

    def open(self):
        return sqlite3.connect(f"file:{self.place}?mode=rw", uri=True, timeout=self.wait)

    def close(self):
        pass
