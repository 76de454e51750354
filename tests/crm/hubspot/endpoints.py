"""What our HubSpot answers: its addresses, its limits and its rules; see `hubspot_double`."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

VERSION = "2026-09"
AT_ONCE = 100
SEARCHES_A_SECOND = 5
PAGE = 200
MOST_FOUND = 10_000
MOST_GROUPS = 5
TYPE_IDS = {"contacts": "0-1"}


@dataclass
class Property:
    """One property; `required_if` is another property and its value, or True for always."""

    kind: str = "string"
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    options: tuple = ()
    required_if: object = None
    rules: tuple = ()

    def told(self, name):
        return {
            "name": name,
            "label": name.title(),
            "type": self.kind,
            "hasUniqueValue": self.unique,
            "calculated": self.calculated,
            "modificationMetadata": {"readOnlyValue": self.read_only},
            "options": [{"label": each, "value": each, "hidden": False} for each in self.options],
        }


@dataclass
class Refused(Exception):  # noqa: N818 - an answer
    status: int
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


def error(status, category, message="refused", **context):
    return Refused(
        status, {"status": "error", "message": message, "category": category, "context": context}
    )


class Endpoints:
    """The half of the account that is asked; the other half is `HubSpot`."""

    def _found(self, method, path, query, body):
        match (method, path):
            case ("GET", ["account-info", "2026-09", "details"]):
                return {"portalId": int(self.account), "accountType": "STANDARD"}
            case ("GET", ["crm", "properties", "2026-09", kind]):
                self._need("schema", kind)
                known = self.properties[kind].items()
                return {"results": [each.told(name) for name, each in known]}
            case ("GET", ["crm-object-schemas", "2026-09", "schemas", kind]):
                self._need("schema", kind)
                known = self.properties[kind].items()
                needed = [name for name, each in known if each.required_if is True]
                type_id = TYPE_IDS.get(kind, "2-1")
                return {"name": kind, "objectTypeId": type_id, "requiredProperties": needed}
            case ("GET", ["crm", "property-validations", "2026-09", type_id]):
                return {"results": self._validations(type_id)}
            case (_, ["crm", "objects", "2026-09", kind, *rest]):
                return self._objects(method, kind, rest, query, body)
        raise error(404, "OBJECT_NOT_FOUND", "no such address")

    def _validations(self, type_id):
        kinds = [kind for kind in self.properties if TYPE_IDS.get(kind, "2-1") == type_id]
        if not kinds:
            raise error(400, "VALIDATION_ERROR", "no such type")
        return [
            {"propertyName": name, "propertyValidationRules": [{"ruleType": r} for r in each.rules]}
            for name, each in self.properties[kinds[0]].items()
            if each.rules
        ]

    def _objects(self, method, kind, rest, query, body):
        writes = method == "PATCH" or rest == ["batch", "update"]
        self._need("write" if writes else "read", kind)
        match (method, rest):
            case ("GET", []):
                rows = list(self.objects[kind])[: int(query["limit"][0])]
                return {"results": [self._row(kind, each, []) for each in rows]}
            case ("POST", ["batch", "read"]):
                return self._batch_read(kind, json.loads(body))
            case ("POST", ["batch", "update"]):
                return self._batch_update(kind, json.loads(body))
            case ("POST", ["search"]):
                return self._search(kind, json.loads(body))
            case ("GET", [record_id]):
                found = self._existing(kind, record_id)
                names = query.get("properties", [""])[0].split(",")
                # That of one alone tells nothing of what was merged.
                return self._row(kind, found, [n for n in names if n != "hs_merged_object_ids"])
            case ("PATCH", [record_id]):
                return self._update(kind, record_id, json.loads(body)["properties"])
        raise error(405, "UNSUPPORTED", "not of this double: a client that only updates")

    def _update(self, kind, record_id, values):
        found = self._existing(kind, record_id)
        if found in self.stuck:
            raise error(423, "LOCKED")
        if refusal := self._refusal(kind, found, values):
            raise error(400, *refusal)
        return self._write(kind, found, values)

    def _need(self, scope, kind):
        if scope not in self.scopes:
            raise error(403, "MISSING_SCOPES")
        if kind not in self.objects:
            raise error(400, "VALIDATION_ERROR", f"Unable to infer object type from: {kind}")

    def _existing(self, kind, record_id):
        found = self._id(kind, record_id)
        if found is None:
            raise error(404, "OBJECT_NOT_FOUND")
        return found

    def _id(self, kind, record_id):
        if not record_id.isdigit():
            raise error(400, "VALIDATION_ERROR", "not a valid long")
        known = str(int(record_id))
        while known in self.merged:
            known = self.merged[known]
        return known if known in self.objects[kind] else None

    def _batch_read(self, kind, asked):
        inputs = self._inputs(asked)
        by = asked.get("idProperty")
        if by and (kind, by) != ("contacts", "email") and not self._property(kind, by).unique:
            if self.overlooks:
                return _answer([], _gone(kind, [each["id"] for each in inputs]))
            raise error(400, "VALIDATION_ERROR", f"Unable to read by non-unique property {by}")
        if by and self._property(kind, by).kind == "number":
            self._require_numbers(inputs)
        find = self._finding(kind, by)
        found = {each["id"]: find(each["id"]) for each in inputs}
        ids = dict.fromkeys(each for each in found.values() if each)
        errors = _gone(kind, [asked for asked, each in found.items() if not each])
        broken = [asked for asked, each in found.items() if each in self.unreadable]
        if broken:
            errors.append(error(500, "INTERNAL_ERROR", ids=broken).body)
        read = [each for each in ids if each not in self.unreadable]
        return _answer(
            [self._row(kind, each, asked.get("properties", [])) for each in read], errors
        )

    def _finding(self, kind, by):
        if by is None:
            return lambda value: self._id(kind, value)
        known = {}
        for record_id, row in self.objects[kind].items():
            further = (row.get("hs_additional_emails") or "").split(";") if by == "email" else []
            for each in (row.get(by) or "", *further):
                known.setdefault(each.lower(), record_id)
        known.pop("", None)
        return lambda value: known.get(value.lower())

    def _require_numbers(self, inputs):
        if not all(each["id"].isdigit() for each in inputs):
            raise error(400, "VALIDATION_ERROR", "not a valid number")

    def _batch_update(self, kind, asked):
        inputs = self._inputs(asked)
        found = {each["id"]: self._id(kind, each["id"]) for each in inputs}
        refusals = {
            each["id"]: self._refusal(kind, found[each["id"]], each["properties"])
            for each in inputs
            if found[each["id"]]
        }
        refused = {each: refusal for each, refusal in refusals.items() if refusal}
        if refused and not self.partial:
            raise error(400, *next(iter(refused.values())))
        stuck = [each for each, to in found.items() if to in self.stuck]
        rows = [
            self._write(kind, found[each["id"]], each["properties"])
            for each in inputs
            if found[each["id"]] and each["id"] not in {*refused, *stuck}
        ]
        errors = _gone(kind, [each for each, to in found.items() if not to])
        errors += [error(423, "LOCKED", "busy", ids=[each]).body for each in stuck]
        for each, (category, message) in refused.items():
            context = {"ids": [each]} if self.blames else {}
            errors.append(error(400, category, message, **context).body)
        return _answer(rows, errors)

    def _inputs(self, asked):
        inputs = asked["inputs"]
        ids = [each["id"] for each in inputs]
        if not inputs or len(inputs) > AT_ONCE:
            raise error(400, "VALIDATION_ERROR", f"{len(inputs)} inputs: 1 to {AT_ONCE}")
        if len(set(ids)) != len(ids):
            raise error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        return inputs

    def _property(self, kind, name):
        if name not in self.properties[kind]:
            raise error(400, "PROPERTY_DOESNT_EXIST", f"no {name}")
        return self.properties[kind][name]

    def _refusal(self, kind, record_id, values):
        """Say why an object can't be changed so: category and text."""
        known = self.properties[kind]
        if record_id in self.forbidden:
            return "VALIDATION_ERROR", "a rule forbids it"
        for name, value in values.items():
            if why := _misfit(known.get(name), value):
                return "VALIDATION_ERROR", f"{why} {name}"
        after = self.objects[kind][record_id] | values
        for name, each in known.items():
            rule = each.required_if
            applies = rule is True or (rule and after.get(rule[0]) == rule[1])
            if name in values and applies and not after.get(name):
                return "VALIDATION_ERROR", f"required: {name}"
        return None

    def _write(self, kind, record_id, values):
        known = self.properties[kind]
        spelt = {name: _as_kept(known[name].kind, value) for name, value in values.items()}
        self.objects[kind][record_id] |= spelt
        self._index(kind, record_id, at=self.now + self.index_delay)
        return self._row(kind, record_id, list(values))

    def _search(self, kind, asked):
        assert asked.keys() >= {"filterGroups", "limit", "after", "sorts", "properties"}
        self._require_turn()
        if asked["sorts"]:
            return self._list(kind, asked)
        (only,) = asked["filterGroups"]
        (wanted,) = only["filters"]
        known = self._property(kind, wanted["propertyName"])
        if wanted["operator"] != "IN" or not 0 < len(wanted["values"]) <= AT_ONCE:
            raise error(400, "VALIDATION_ERROR", "IN takes 1 to 100 values")
        if not 0 < asked["limit"] <= PAGE:
            raise error(400, "VALIDATION_ERROR", "limit")
        start = int(asked["after"])
        if start + asked["limit"] > MOST_FOUND:
            raise error(400, "VALIDATION_ERROR", "no paging beyond 10,000")
        hits = self._hits(kind, wanted["propertyName"], known, wanted["values"])
        rows = [self._row(kind, each, asked["properties"]) for each in hits[start : start + PAGE]]
        told = {"total": len(hits), "results": rows}
        if start + PAGE < len(hits):
            told["paging"] = {"next": {"after": str(start + PAGE)}}
        return told

    def _list(self, kind, asked):
        """Give whom one of the groups fits, by their ids: behind an id, and with some property."""
        (sort,) = asked["sorts"]
        assert (sort["propertyName"], sort["direction"]) == ("hs_object_id", "ASCENDING")
        if not 0 < len(asked["filterGroups"]) <= MOST_GROUPS or not 0 < asked["limit"] <= PAGE:
            raise error(400, "VALIDATION_ERROR", "1 to 5 groups, 1 to 200 rows")
        hits = {each for group in asked["filterGroups"] for each in self._fitting(kind, group)}
        rows = sorted(hits, key=int)
        told = [self._row(kind, each, asked["properties"]) for each in rows[: asked["limit"]]]
        more = {"paging": {"next": {"after": str(asked["limit"])}}} if len(rows) > len(told) else {}
        return {"total": len(rows), "results": told} | more

    def _fitting(self, kind, group):
        for record_id in self.objects[kind]:
            seen = [row for at, row in self.indexed[kind, record_id] if at <= self.now]
            if seen and all(self._fits(kind, record_id, seen[-1], one) for one in group["filters"]):
                yield record_id

    def _fits(self, kind, record_id, row, wanted):
        name = wanted["propertyName"]
        match wanted["operator"]:
            case "GT" if name == "hs_object_id":
                return int(record_id) > int(wanted["value"])
            case "HAS_PROPERTY":
                self._property(kind, name)
                return bool(row.get(name))
        raise error(400, "VALIDATION_ERROR", "not of this double")

    def _require_turn(self):
        while self._searches and self._searches[0] <= self.now - 1:
            self._searches.popleft()
        if len(self._searches) == SEARCHES_A_SECOND:
            raise Refused(429, {"policyName": "SECONDLY", "errorType": "RATE_LIMIT"})
        self._searches.append(self.now)

    def _hits(self, kind, name, known, values):
        """Whom the index shows so; a text is kept in lower case there, and no value is turned."""
        hits = []
        for record_id in self.objects[kind]:
            seen = [row for at, row in self.indexed[kind, record_id] if at <= self.now]
            value = (seen[-1].get(name) or "") if seen else ""
            if value and (value.lower() if known.kind == "string" else value) in values:
                hits.append(record_id)
        return hits

    def _row(self, kind, record_id, names):
        row = self.objects[kind][record_id]
        known = [name for name in names if name in self.properties[kind]]
        properties = {"hs_object_id": record_id} | {name: row.get(name) or None for name in known}
        return {"id": record_id, "properties": properties, "archived": False}


def _misfit(known, value):
    if known is None:
        return "PROPERTY_DOESNT_EXIST"
    if known.read_only or known.calculated:
        return "READ_ONLY_VALUE"
    if value and known.options and not {*value.split(";")} <= {*known.options}:
        return "INVALID_OPTION"
    return "INVALID_DATE" if known.kind == "date" and "T" in value else None


def _as_kept(kind, value):
    """Spell a time that was written as milliseconds as it is read."""
    if kind != "datetime" or not value.isdigit():
        return value
    at = datetime.fromtimestamp(int(value) / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _gone(kind, ids):
    return [error(404, "OBJECT_NOT_FOUND", f"no such {kind}", ids=ids).body] if ids else []


def _answer(rows, errors):
    body = {"status": "COMPLETE", "results": rows}
    if not errors:
        return body
    return 207, {}, {**body, "numErrors": len(errors), "errors": errors}
