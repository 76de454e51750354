"""The people who keep their customers in Tryton: they fill it, look at it and set it up."""

import base64
from contextlib import contextmanager

import requests

from tests.crm.tryton.proxy import Proxy
from tests.crm.tryton.server import ADMIN, AT_ONCE, DATABASE, PASSWORD

PARTY, CATEGORY, IDENTIFIER = "party.party", "party.category", "party.identifier"
TOP, ROLE = "Vouchers", "REFEREE"
SYNC, SYNC_PASSWORD = "holdersync", "for-the-sync-alone-71"
READER = "reader"
ALL = ["active", "in", [True, False]]


class Merchant:
    """An administrator of one Tryton, with a proxy before it for everybody else.

    Only `SYNC` may change parties; `READER` has the same password and may not.
    """

    def __init__(self, tryton):
        self.tryton = tryton
        self.proxy = Proxy(tryton.port)
        self._session = requests.Session()
        user_id, key, _ = self.call("common.db.login", ADMIN, {"password": PASSWORD}, "en")
        token = base64.b64encode(f"{ADMIN}:{user_id}:{key}".encode()).decode()
        self._session.headers["Authorization"] = f"Session {token}"
        top = self.create(CATEGORY, {"name": TOP})
        self._role = self.create(CATEGORY, {"name": ROLE, "parent": top[0]})[0]
        self._set_up_users()

    def close(self):
        self._session.close()
        self.proxy.close()

    @property
    def settings(self):
        return {
            "TRYTON_URL": self.proxy.url,
            "TRYTON_DATABASE": DATABASE,
            "TRYTON_USER": SYNC,
            "TRYTON_PASSWORD": SYNC_PASSWORD,
            "TRYTON_CATEGORY": TOP,
        }

    def call(self, method, *params):
        body = {"id": 1, "method": method, "params": params}
        url = f"{self.tryton.url}/{DATABASE}/rpc/"
        told = self._session.post(url, json=body, timeout=30).json()
        assert "error" not in told, (method, told)
        return told["result"]

    def create(self, model, *values):
        parts = [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]
        return [each for part in parts for each in self.call(f"model.{model}.create", part, {})]

    def search_read(self, model, domain, *fields):
        return self.call(f"model.{model}.search_read", domain, 0, None, None, fields, {})

    def write(self, model, ids, **values):
        self.call(f"model.{model}.write", ids, values, {})

    def put(self, *people):
        """Take in people: name, identifiers, e-mail, and the codes that each holds."""
        categories = self._categories({code for *_, codes in people for code in codes})
        self.create(
            PARTY,
            *[
                {
                    "name": name,
                    "identifiers": [["create", [{"code": each} for each in identifiers]]],
                    "contact_mechanisms": [
                        ["create", [{"type": "email", "value": email}] if email else []]
                    ],
                    "categories": [["add", [categories[code] for code in codes]]],
                }
                for name, identifiers, email, codes in people
            ],
        )

    def parties(self, identifier):
        """Give the parties with this identifier, whoever was archived, too."""
        where = ["identifiers", "where", [["code", "=", identifier]]]
        fields = ("name", "active", "code", "categories.name", "identifiers.code", "email")
        rows = self.search_read(PARTY, [ALL, where], *fields)
        return sorted(rows, key=lambda row: row["id"])

    def ids(self, identifier):
        return [row["id"] for row in self.parties(identifier)]

    def count(self):
        return self.call(f"model.{PARTY}.search_count", [ALL], 0, None, {})

    def give(self, identifier, codes):
        """Let the parties with this identifier hold these codes and no others."""
        categories = self._categories(codes)
        rows = self.parties(identifier)
        held = [each["id"] for row in rows for each in row["categories."]]
        given = [categories[code] for code in codes]
        ids = [row["id"] for row in rows]
        self.write(PARTY, ids, categories=[["remove", held], ["add", given]])

    def touch(self, identifier):
        """Change something else about these parties."""
        for row in self.parties(identifier):
            self.write(PARTY, [row["id"]], name=row["name"])

    @contextmanager
    def forbidden(self, identifier):
        """Let a rule of the merchant's forbid every change of these parties."""
        rule = {"domain": f'[["id", "not in", {self.ids(identifier)}]]'}
        group = {"name": "kept", "model": PARTY, "global_p": True, "rules": [["create", [rule]]]}
        only_writing = {"perm_read": False, "perm_create": False, "perm_delete": False}
        made = self.create("ir.rule.group", group | only_writing | {"perm_write": True})
        try:
            yield
        finally:
            self.call("model.ir.rule.group.delete", made, {})

    @contextmanager
    def another_password(self):
        """Let the sync's password be another one; who was logged in is logged out."""
        ids = self.call("model.res.user.search", [["login", "=", SYNC]], 0, None, None, {})
        self.write("res.user", ids, password="nobody-knows-this-82")
        try:
            yield
        finally:
            self.write("res.user", ids, password=SYNC_PASSWORD)

    def _categories(self, codes):
        below = [["parent", "=", self._role], ["name", "in", list(codes)]]
        ids = {row["name"]: row["id"] for row in self.search_read(CATEGORY, below, "name")}
        new = [code for code in codes if code not in ids]
        made = self.create(CATEGORY, *[{"name": code, "parent": self._role} for code in new])
        return ids | dict(zip(new, made, strict=True))

    def _set_up_users(self):
        nothing = {"perm_read": True, "perm_create": False, "perm_delete": False}
        self.create("ir.model.access", {"model": PARTY, "perm_write": False} | nothing)
        may = {"model": PARTY, "perm_write": True} | nothing
        group = self.create("res.group", {"name": "Sync", "model_access": [["create", [may]]]})
        admin = self.call("model.res.user.search", [["login", "=", ADMIN]], 0, None, None, {})
        everything = {"model": PARTY, "perm_write": True, "perm_create": True, "perm_read": True}
        office = {"name": "Office", "model_access": [["create", [everything]]]}
        self.write("res.user", admin, groups=[["add", self.create("res.group", office)]])
        user = {"name": "user", "password": SYNC_PASSWORD}
        self.create("res.user", user | {"login": SYNC, "groups": [["add", group]]})
        self.create("res.user", user | {"login": READER})
