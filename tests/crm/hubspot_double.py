"""A HubSpot of our own: an account in memory that speaks HTTP on the loopback.

Written from HubSpot's public documentation and what people tell of it in public; it never saw the
live service, and whoever finds the two apart should trust the service. What the documentation
leaves open is answered in the way that is harder for a client: a refused batch writes nothing and
names nobody, and a merge leaves an object with an id of its own.
"""

import json
import threading
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

VERSION = "2026-09"
AT_ONCE = 100
SEARCHES_A_SECOND = 5
PAGE = 200
MOST_FOUND = 10_000
TYPE_IDS = {"contacts": "0-1"}
SCOPES = {"read", "write", "schema"}
FOREVER = 1_000_000


@dataclass
class Property:
    """One property; `required_if` is another property and its value, or True for always."""

    kind: str = "string"
    unique: bool = False
    read_only: bool = False
    options: tuple = ()
    required_if: object = None
    rules: tuple = ()

    def told(self, name):
        return {
            "name": name,
            "label": name.title(),
            "type": self.kind,
            "hasUniqueValue": self.unique,
            "calculated": False,
            "modificationMetadata": {"readOnlyValue": self.read_only},
            "options": [{"label": each, "value": each, "hidden": False} for each in self.options],
        }


@dataclass
class Fault:
    """What happens to the next calls whose path ends so."""

    ending: str
    times: int
    answer: tuple | None = None
    is_written: bool = False
    is_silent: bool = False
    before: object = None


@dataclass
class Refused(Exception):  # noqa: N818 - an answer
    status: int
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


def error(status, category, message="refused", **context):
    return Refused(
        status, {"status": "error", "message": message, "category": category, "context": context}
    )


class HubSpot:
    """One account with its contacts, and custom objects where `define` names them.

    Time is its own: `wait` lets it pass, and nobody sleeps. `calls` counts by the end of the path,
    `bodies` keeps what was sent. What the search sees comes `index_delay` seconds late, unless it
    was there from the start.
    """

    def __init__(self, account="4711", token="service-key-of-the-double"):
        self.account, self.token = account, token
        self.scopes = set(SCOPES)
        self.now = 1_000.0
        self.index_delay = 10.0
        self.forbidden, self.stuck = set(), set()
        self.partial = False
        self.blames = True
        self.tells_merges = True
        self.objects = {}
        self.properties = {}
        self.merged = {}
        self.indexed = {}
        self.calls = Counter()
        self.bodies = []
        self.waits = []
        self._faults = deque()
        self._searches = deque()
        self._last_id = 100
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.define("contacts", "email", "hs_additional_emails", "hs_merged_object_ids")
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        self._over.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    # --- what people do in the account -----------------------------------------------------------

    def define(self, kind, *names, **properties):
        known = self.properties.setdefault(kind, {})
        self.objects.setdefault(kind, {})
        known |= {name: Property() for name in names} | properties

    def add(self, kind="contacts", **values):
        self._last_id += 1
        return self._put(kind, str(self._last_id), {**values})

    def edit(self, record_id, kind="contacts", **values):
        """Write as a person does: no rule of the API's is asked."""
        row = self.objects[kind][record_id]
        row |= values
        self._index(kind, record_id, at=self.now + self.index_delay)

    def remove(self, record_id, kind="contacts"):
        del self.objects[kind][record_id]

    def merge(self, primary, other, kind="contacts"):
        """Leave one object, which has the values of the first and a new id; give that."""
        rows = self.objects[kind]
        left, gone = rows.pop(primary), rows.pop(other)
        emails = [each for each in (gone.get("email"), left.get("hs_additional_emails")) if each]
        record_id = self.add(kind, **(gone | {k: v for k, v in left.items() if v}))
        if emails:
            rows[record_id]["hs_additional_emails"] = ";".join(emails)
        ids = [
            primary,
            other,
            *(each for each, to in self.merged.items() if to in {primary, other}),
        ]
        self.merged |= dict.fromkeys(ids, record_id)
        if self.tells_merges:
            rows[record_id]["hs_merged_object_ids"] = ";".join(ids)
        return record_id

    def shows(self, record_id, kind="contacts"):
        """What an object holds, without what is empty."""
        return {k: v for k, v in self.objects[kind][record_id].items() if v}

    # --- what goes wrong -------------------------------------------------------------------------

    def fail(self, ending, status, body=None, *, times=1, **headers):
        """Answer the next calls so, and do nothing of what they ask."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.append(Fault(ending, times, (status, body or {}, named)))

    def limit(self, ending, policy, *, times=1):
        body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": policy}
        self.fail(ending, 429, body, times=times)

    def lose(self, ending, *, times=1, written=True):
        """Do what the next calls ask, or not, and hang up."""
        self._faults.append(Fault(ending, times, None, is_written=written))

    def silence(self, ending, *, times=1, written=True):
        """Do what the next calls ask, or not, and say nothing until the end."""
        self._faults.append(Fault(ending, times, is_written=written, is_silent=True))

    @contextmanager
    def always(self, **how):
        """Let all calls meet the same until the block ends."""
        fault = Fault(how.pop("ending", ""), FOREVER, **how)
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults = deque(each for each in self._faults if each is not fault)

    def meanwhile(self, ending, act):
        """Let somebody else act just before the next such call is taken."""
        self._faults.append(Fault(ending, 1, before=act))

    # --- its time --------------------------------------------------------------------------------

    def clock(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    # --- the API ---------------------------------------------------------------------------------

    def answer(self, method, target, headers, body):
        """Give status, headers and body; None hangs up."""
        with self._lock:
            parts = urlsplit(target)
            path = [unquote(part) for part in parts.path.strip("/").split("/")]
            name = self._named(method, path)
            self.calls[name] += 1
            self.bodies.append((name, body))
            fault = self._fault(name)
            if fault and fault.before:
                fault.before()
                fault = None
            if fault and fault.answer:
                status, sent, named = fault.answer
                return status, named, sent
            told = None
            if fault is None or fault.is_written:
                told = self._served(method, path, parse_qs(parts.query), headers, body)
        if fault and fault.is_silent:
            self._over.wait(30)
        return None if fault else told

    def _named(self, method, path):
        if path[:2] == ["crm", "objects"] and len(path) == 5 and path[4] != "search":
            path = [*path[:4], "ID"]
        return f"{method} {'/'.join(part for part in path if part != VERSION)}"

    def _fault(self, name):
        for fault in self._faults:
            if name.endswith(fault.ending):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None

    def _served(self, method, path, query, headers, body):
        try:
            if headers.get("Authorization") != f"Bearer {self.token}":
                raise error(401, "INVALID_AUTHENTICATION")
            told = self._found(method, path, query, body)
        except Refused as refused:
            return refused.status, refused.headers, refused.body
        return told if isinstance(told, tuple) else (200, {}, told)

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
        if by and by != "email" and not self._property(kind, by).unique:
            raise error(400, "VALIDATION_ERROR", f"Unable to read by non-unique property {by}")
        if by and self._property(kind, by).kind == "number":
            self._require_numbers(inputs)
        found = {each["id"]: self._by(kind, by, each["id"]) for each in inputs}
        ids = dict.fromkeys(each for each in found.values() if each)
        rows = [self._row(kind, each, asked.get("properties", [])) for each in ids]
        return _answer(rows, _gone(kind, [asked for asked, each in found.items() if not each]))

    def _by(self, kind, by, value):
        if by is None:
            return self._id(kind, value)
        for record_id, row in self.objects[kind].items():
            own = [row.get(by) or ""]
            if by == "email":
                own += (row.get("hs_additional_emails") or "").split(";")
            if value.lower() in {each.lower() for each in own if each}:
                return record_id
        return None

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
        self.objects[kind][record_id] |= values
        self._index(kind, record_id, at=self.now + self.index_delay)
        return self._row(kind, record_id, list(values))

    def _search(self, kind, asked):
        assert asked.keys() >= {"filterGroups", "limit", "after", "sorts", "properties"}
        self._require_turn()
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

    def _put(self, kind, record_id, row):
        self.objects[kind][record_id] = row
        self._index(kind, record_id, at=self.now)
        return record_id

    def _index(self, kind, record_id, at):
        seen = self.indexed.setdefault((kind, record_id), [])
        seen.append((at, dict(self.objects[kind][record_id])))

    def _row(self, kind, record_id, names):
        row = self.objects[kind][record_id]
        known = [name for name in names if name in self.properties[kind]]
        properties = {"hs_object_id": record_id} | {name: row.get(name) or None for name in known}
        return {"id": record_id, "properties": properties, "archived": False}


def _misfit(known, value):
    if known is None:
        return "PROPERTY_DOESNT_EXIST"
    if known.read_only:
        return "READ_ONLY_VALUE"
    if value and known.options and not {*value.split(";")} <= {*known.options}:
        return "INVALID_OPTION"
    return "INVALID_DATE" if known.kind == "date" and "T" in value else None


def _gone(kind, ids):
    return [error(404, "OBJECT_NOT_FOUND", f"no such {kind}", ids=ids).body] if ids else []


def _answer(rows, errors):
    body = {"status": "COMPLETE", "results": rows}
    if not errors:
        return body
    return 207, {}, {**body, "numErrors": len(errors), "errors": errors}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _client_address):
        """Some tests hang up."""


def _handler(account):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self):
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = account.answer(self.command, self.path, self.headers, sent)
            if told is None:
                self.close_connection = True
                return
            status, headers, body = told
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            with suppress(ConnectionError):
                self.send_response_only(status)
                for name, value in (headers | {"Content-Length": str(len(text))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's

        def log_message(self, *_arguments):
            pass

    return Handler
