"""The contract on a real CRM that nobody here wrote; its troubles are real where they can be."""

from contextlib import contextmanager

import pytest

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from tests.crm.tryton.merchant import READER, SYNC_PASSWORD
from tests.crm.tryton.proxy import broken
from tests.crm.tryton.server import AT_ONCE
from tests.crm.tryton.tryton_adapter import TrytonAdapter

SEPARATOR = ";"
PATIENT, IMPATIENT = (5.0, 30.0), (0.5, 0.5)
WRITE = "model.party.party.write"


class TestTryton(AdapterContract):
    """A party has categories, not a text: the separator is only how they are told here."""

    shape = "slots"
    separator = SEPARATOR
    batch_limit = AT_ONCE
    secrets = (SYNC_PASSWORD,)
    not_proven = {22: "a party's identifiers don't say which of them is Voucherify's"}

    @pytest.fixture(autouse=True)
    def _crm(self, merchant):
        self.crm = merchant
        self.patience = PATIENT

    def make_adapter(self):
        return self.adapter_with()

    def adapter_with(self, **settings):
        return TrytonAdapter.from_env(self.crm.settings | settings, timeout=self.patience)

    def seed(self, *given):
        self.crm.put(*[person for each in given for person in [in_tryton(each)] * each.copies])

    def peek(self, given):
        return [self._held(row, given) for row in self.crm.parties(given.customer_id)]

    def count(self):
        return self.crm.count()

    def reassign(self, given):
        self.crm.give(given.customer_id, codes_in(given.code))

    def trouble(self, kind, given):
        """Those of Tryton itself are real; what is lost or broken on the way, a proxy does."""
        crm, who = self.crm, given.customer_id
        strikes = {
            Trouble.THROTTLED: busy,
            Trouble.BROKEN: broken,
            Trouble.ANSWER_LOST: lost_after_writes,
            Trouble.ITEM_FAILS: before_writes_of(crm.ids(who), lambda: crm.touch(who)),
            Trouble.OVERTAKEN: before_writes_of(crm.ids(who), once(lambda: self.reassign(given))),
        }
        if kind is Trouble.SILENT:
            return self._silence()
        if kind is Trouble.KEY_REFUSED:
            return crm.another_password()
        if kind is Trouble.WRITE_REFUSED:
            return crm.forbidden(who)
        return crm.proxy.striking(strikes[kind])

    @contextmanager
    def _silence(self):
        self.patience = IMPATIENT
        with self.crm.tryton.paused():
            yield
        self.patience = PATIENT

    def misconfigured(self):
        yield Misconfigured(
            "nobody answers",
            lambda: self.adapter_with(TRYTON_URL="http://127.0.0.1:9"),
            says=("TRYTON_URL",),
        )
        yield Misconfigured(
            "no such database",
            lambda: self.adapter_with(TRYTON_DATABASE="crn"),
            says=("TRYTON_DATABASE",),
        )
        yield Misconfigured(
            "a wrong password",
            lambda: self.adapter_with(TRYTON_PASSWORD="not-this-one"),
            says=("TRYTON_PASSWORD", "refuses"),
            error=CredentialsRefusedError,
        )
        yield Misconfigured(
            "somebody who may only read",
            lambda: self.adapter_with(TRYTON_USER=READER),
            says=("TRYTON_USER", "change parties"),
        )
        yield Misconfigured(
            "no such category",
            lambda: self.adapter_with(TRYTON_CATEGORY="Voucher"),
            says=("TRYTON_CATEGORY",),
        )

    def _held(self, row, given):
        # Categories have no order of their own: they are told in the one that is asked for.
        codes = [each["name"] for each in row["categories."]]
        asked = codes_in(given.code)
        codes.sort(key=lambda code: asked.index(code) if code in asked else len(asked))
        email, names = row["email"], sorted(each["code"] for each in row["identifiers."])
        others = {"name": row["name"], "email": email, "identifiers": " ".join(names)}
        return Held(
            code=SEPARATOR.join(codes),
            other=others | {"code": row["code"], "active": str(row["active"])},
        )


def busy(_call, _passed):
    return 429, b"", {"Retry-After": "1"}


def lost_after_writes(call, passed):
    answer = passed()
    return None if call["method"] == WRITE else answer


def before_writes_of(ids, do):
    """Do something just before a write of one of these parties comes to Tryton."""

    def strike(call, passed):
        if call["method"] == WRITE and any(each[0] in ids for each in call["params"][:-1:2]):
            do()
        return passed()

    return strike


def once(do):
    left = [do]
    return lambda: left and left.pop()()


def in_tryton(given):
    """Give a person as the merchant would write them down."""
    identifiers = [each for each in (given.customer_id, given.source_id) if each]
    return given.note, identifiers, given.email, codes_in(given.code)


def codes_in(text):
    return [each for each in text.split(SEPARATOR) if each]
