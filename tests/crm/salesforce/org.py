"""The state and the rules of an org, for the double of Salesforce.

Ours, written from Salesforce's public documentation; it never saw the live service. What it does
not know it refuses.
"""

import re
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count

SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
TEXTS = {"id", "string", "email", "picklist", "reference", "phone", "url", "multipicklist"}
ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:?\d{2})")


def as_18(short):
    bits = [sum(short[p + i].isupper() << i for i in range(5)) for p in (0, 5, 10)]
    return short + "".join(SUFFIX[each] for each in bits)


class RowError(Exception):
    """One record is refused."""

    def __init__(self, *, code, fields=(), message="refused by the double"):
        super().__init__(code)
        self.code = code
        self.fields = list(fields)
        self.message = message

    def told(self):
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


class CallError(Exception):
    """The whole call is refused."""

    def __init__(self, status, code, message="refused by the double", fields=()):
        super().__init__(code)
        self.status = status
        self.body = [{"errorCode": code, "message": message}]
        if fields:
            self.body[0]["fields"] = list(fields)


@dataclass
class Field:
    name: str
    type: str = "string"
    length: int = 255
    updateable: bool = True
    nillable: bool = True
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    filterable: bool = True
    id_lookup: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False

    def describe(self):
        return {
            "name": self.name,
            "type": self.type,
            "length": self.length if self.type in TEXTS else 0,
            "updateable": self.updateable,
            "nillable": self.nillable and self.type != "boolean",
            "unique": self.unique,
            "externalId": self.external_id,
            "idLookup": self.id_lookup or self.external_id,
            "caseSensitive": self.case_sensitive,
            "filterable": self.filterable,
            "restrictedPicklist": self.restricted,
            "picklistValues": [{"value": each, "active": True} for each in self.values],
        }

    def taken(self, value):
        """Give a value as it is kept, or refuse it."""
        if self.type == "boolean":
            if not isinstance(value, bool):
                raise CallError(400, "JSON_PARSER_ERROR")
            return value
        if value is None or value == "":
            if value == "" and self.type not in {"string", "email", "phone"}:
                raise CallError(400, "JSON_PARSER_ERROR")
            if not self.nillable:
                raise RowError(code="REQUIRED_FIELD_MISSING", fields=[self.name])
            return None
        return getattr(self, f"_taken_{self.type}", self._taken_text)(value)

    def _taken_text(self, value):
        if not isinstance(value, str):
            raise CallError(400, "JSON_PARSER_ERROR")
        if len(value) > self.length:
            raise RowError(code="STRING_TOO_LONG", fields=[self.name])
        if self.restricted and value not in self.values:
            raise RowError(code="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", fields=[self.name])
        return value.strip() or None

    def _taken_double(self, value):
        try:
            return float(value)
        except ValueError:
            raise CallError(400, "JSON_PARSER_ERROR") from None

    def _taken_date(self, value):
        if not DAY.fullmatch(value):
            raise CallError(400, "JSON_PARSER_ERROR")
        return value

    def _taken_datetime(self, value):
        if not INSTANT.fullmatch(value):
            raise CallError(400, "JSON_PARSER_ERROR")
        return value.replace("Z", "+0000")


@dataclass
class Table:
    name: str
    prefix: str
    fields: dict
    rows: dict = field(default_factory=dict)
    deleted: set = field(default_factory=set)
    queryable: bool = True
    updateable: bool = True

    def field(self, name):
        found = self.fields.get(name.casefold())
        if found is None:
            raise CallError(400, "INVALID_FIELD", f"no such column {name}")
        return found


class Org:
    """What an org keeps. `validation` holds functions of (object, row as it will be), `assigned_to`
    the owner that the assignment rules name for leads and accounts, if there are any."""

    def __init__(self):
        self.tables = {}
        self.validation = []
        self.row_faults = {}
        self.assigned_to = None
        self.assigns = False
        self.page = 2000
        self.used, self.allowed = 0, 100_000
        self.counts = Counter()
        self.largest = Counter()
        self.watch = lambda _what: None
        self.locators = {}
        self._numbers = count(1)

    def add_table(self, name, prefix, *fields):
        own = [Field("Id", "id", 18, updateable=False, nillable=False, id_lookup=True), *fields]
        self.tables[name.casefold()] = Table(name, prefix, {f.name.casefold(): f for f in own})

    def table(self, name):
        found = self.tables.get(name.casefold())
        if found is None:
            raise CallError(404, "NOT_FOUND")
        return found

    def seed(self, name, **fields):
        """Put a record there, as somebody else would; gives its Id."""
        table = self.table(name)
        number = next(self._numbers)
        letters = "".join("aAbB"[number >> shift & 3] for shift in (4, 2, 0))
        id_ = as_18(f"{table.prefix}5f{number:07d}{letters}")
        row = {
            each.name: False if each.type == "boolean" else None for each in table.fields.values()
        }
        for key, value in fields.items():
            row[table.field(key).name] = value
        table.rows[id_] = row | {"Id": id_}
        return id_

    def peek(self, name, id_):
        return deepcopy(self.table(name).rows[as_18(id_[:15])])

    def edit(self, name, id_, **fields):
        self.table(name).rows[id_].update(fields)

    def delete(self, name, id_):
        table = self.table(name)
        del table.rows[id_]
        table.deleted.add(id_)

    def row(self, table, id_):
        found = as_18(id_[:15]) if isinstance(id_, str) and len(id_) in {15, 18} else None
        if found is None:
            raise RowError(code="MALFORMED_ID", fields=["Id"])
        if found in table.deleted:
            raise RowError(code="ENTITY_IS_DELETED")
        if found not in table.rows:
            raise RowError(code="INVALID_CROSS_REFERENCE_KEY", message="invalid cross reference id")
        return table.rows[found]

    def update(self, table, id_, values):
        """Change one record by its rules, wholly or not at all."""
        named = {table.field(name).name: value for name, value in values.items()}
        taken = {}
        for name, value in named.items():
            if not table.field(name).updateable:
                raise RowError(code="INVALID_FIELD_FOR_INSERT_UPDATE", fields=[name])
            taken[name] = table.field(name).taken(value)
        row = self.row(table, id_)
        faults = self.row_faults.get(row["Id"])
        if faults:
            raise RowError(code=faults.pop(0))
        after = row | taken
        self._require_unique(table, taken, after)
        for rule in self.validation:
            if rule(table.name, after):
                raise RowError(
                    code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message=rule(table.name, after)
                )
        row.update(taken)
        if self.assigns and self.assigned_to and table.name in {"Account", "Lead"}:
            row["OwnerId"] = self.assigned_to

    def _require_unique(self, table, taken, after):
        for name in taken:
            if table.field(name).unique and after[name] is not None:
                same = [row["Id"] for row in table.rows.values() if row[name] == after[name]]
                if set(same) - {after["Id"]}:
                    raise RowError(code="DUPLICATE_VALUE", fields=[name])

    def showing(self, table, names, after):
        """Give the rows behind an Id, by their Ids, of which one of these fields is not empty."""
        wanted = [table.field(name) for name in names]
        if any(not each.filterable for each in wanted):
            raise CallError(400, "INVALID_FIELD", "can not be filtered in a query call")
        behind = sorted(id_ for id_ in table.rows if id_ > after)
        rows = [table.rows[id_] for id_ in behind]
        return [row for row in rows if not wanted or any(row[each.name] for each in wanted)]

    def matching(self, table, name, values):
        """Give the rows with one of the values; texts are compared without case, as SOQL does."""
        wanted = table.field(name)
        if wanted.type in {"id", "reference"}:
            return self._with_ids(table, wanted.name, values)
        if not wanted.filterable or wanted.type not in TEXTS:
            raise CallError(400, "INVALID_FIELD", f"{name} can not be filtered so")
        folded = {value.casefold() for value in values}
        return [row for row in table.rows.values() if (row[wanted.name] or "").casefold() in folded]

    def _with_ids(self, table, name, values):
        for value in values:
            if not ID.fullmatch(value) or value.startswith("bad"):
                raise CallError(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field")
        # The long form has no case of its own.
        long = {value.casefold() for value in values if len(value) == 18}
        held = [(row[name] or "", row) for row in table.rows.values()]
        return [row for id_, row in held if id_.casefold() in long or id_[:15] in values]
