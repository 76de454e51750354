"""A stateful double of Salesforce's REST API that speaks HTTP on the loopback.

Ours, written from Salesforce's public documentation; it never saw the live service. It enforces
what is documented: both logins, sessions, limits, SOQL without case, two hundred records per call,
a result per record with HTTP 200, `updateOnly`, 300, assignment rules, jobs of Bulk API 2.0. Faults
come on demand.
"""

import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from tests.crm.salesforce.jobs import Jobs
from tests.crm.salesforce.logins import Logins
from tests.crm.salesforce.org import CallError, Org, RowError

VERSION = "v66.0"
LONGEST_URI = 16_384
ONE_SELECT = re.compile(
    r"SELECT (?P<fields>[\w,]+) FROM (?P<name>\w+)"
    r"(?: WHERE (?P<where>\w+) IN \((?P<values>.*)\))?(?: LIMIT (?P<limit>\d+))?"
)
ONE_LISTING = re.compile(
    r"SELECT (?P<fields>[\w,]+) FROM (?P<name>\w+)"
    r"(?: WHERE (?:Id > '(?P<after>\w+)')?(?: AND )?"
    r"(?:\((?P<shows>\w+ != null(?: OR \w+ != null)*)\))?)?"
    r" ORDER BY Id LIMIT (?P<limit>\d+)"
)
LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'(?:,|$)")
LOST = object()
DATA = f"services/data/{VERSION}"
KINDS = {
    "login": re.compile(r"services/oauth2/token"),
    "query": re.compile(rf"{DATA}/query(/.+)?"),
    "collection": re.compile(rf"{DATA}/composite/sobjects"),
    "describe": re.compile(rf"{DATA}/sobjects/\w+/describe"),
    "row": re.compile(rf"{DATA}/sobjects/.+"),
    "limits": re.compile(rf"{DATA}/limits"),
    "job": re.compile(rf"{DATA}/jobs/ingest(/.+)?"),
}
"""How calls are counted; those of a job by their method and what they are about."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _client_address):
        """Some faults hang up."""


class Salesforce:
    """An org with its API; `url` is its My Domain."""

    def __init__(self):
        self.org = Org()
        self.jobs = Jobs(self.org)
        self.faults = []
        self.asked = []
        self.forgeries = {}
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                told = double.answered(self, body)
                if told is LOST:
                    self.close_connection = True
                    return
                status, answer, kind = told
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response_only(status)
                self.send_header("Content-Type", kind)
                usage = f"api-usage={double.org.used}/{double.org.allowed}"
                self.send_header("Sforce-Limit-Info", usage)
                if 300 < status < 400:
                    self.send_header("Location", "https://elsewhere.example/")
                if status != 204:
                    self.send_header("Content-Length", f"{len(data)}")
                self.end_headers()
                if status != 204:
                    self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_arguments):
                pass

        self._lock = threading.RLock()
        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.logins = Logins(self.url)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # --- what a test asks for -------------------------------------------------------------------

    @property
    def counts(self):
        return self.org.counts

    def fail(self, status, code="SERVER_UNAVAILABLE", *, at="", times=1, message="", raw=None):
        """Answer the next calls whose kind begins with `at` so, before anything is done."""
        body = raw if raw is not None else [{"errorCode": code, "message": message}]
        self.faults += [(at, "fail", (status, body))] * times

    def lose(self, *, at="", times=1):
        """Do what the next calls ask for, and hang up without an answer."""
        self.faults += [(at, "lose", None)] * times

    def be_silent(self, seconds, *, at="", times=1):
        """Do nothing for a while, and hang up."""
        self.faults += [(at, "silent", seconds)] * times

    def end_sessions(self):
        self.logins.tokens.clear()

    @contextmanager
    def forging(self, kind, answer):
        """Let each call of a kind be answered by something that Salesforce would not say."""
        self.forgeries[kind] = answer
        yield
        del self.forgeries[kind]

    # --- one call -------------------------------------------------------------------------------

    def answered(self, request, body):
        parts = urlsplit(request.path)
        path = [unquote(part) for part in parts.path.split("/")[1:]]
        with self._lock:
            kind = self._kind(request.command, path)
            self.org.counts[kind] += 1
            fault = next((each for each in self.faults if kind.startswith(each[0])), None)
            if fault:
                self.faults.remove(fault)
            if fault and fault[1] == "fail":
                return (*fault[2], "application/json")
        if fault and fault[1] == "silent":
            time.sleep(fault[2])
            return LOST
        with self._lock:
            told = self._served(request, kind, path, parse_qs(parts.query), body)
        return LOST if fault else told

    def _kind(self, method, path):
        whole = "/".join(path)
        kind = next((kind for kind, like in KINDS.items() if like.fullmatch(whole)), "unknown")
        return f"job {method} {''.join(path[6:])}".strip() if kind == "job" else kind

    def _served(self, request, kind, path, params, body):
        org = self.org
        if kind == "login":
            return self.logins.answered(parse_qs(body.decode()))
        try:
            self.asked.append((kind, request.command, request.path, body))
            if len(request.path) > LONGEST_URI:
                raise CallError(414, "URI_TOO_LONG")
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if bearer not in self.logins.tokens:
                raise CallError(401, "INVALID_SESSION_ID")
            if org.used >= org.allowed:
                raise CallError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            org.used += 1
            if kind in self.forgeries:
                return 200, self.forgeries[kind], "application/json"
            org.watch(kind)
            org.assigns = request.headers.get("Sforce-Auto-Assign", "TRUE").upper() != "FALSE"
            return self._done(kind, request.command, path[3:], params, body)
        except CallError as error:
            return error.status, error.body, "application/json"

    def _done(self, kind, method, rest, params, body):
        if kind == "query":
            return self._json(self._query(rest, params))
        if kind == "collection" and method == "PATCH":
            return self._json(self._collection(json.loads(body)))
        if kind == "row" and method == "PATCH":
            return self._row(rest[1:], params, json.loads(body))
        if kind == "describe":
            return self._json(self._describe(rest[1]))
        if kind == "limits":
            left = self.org.allowed - self.org.used
            return self._json({"DailyApiRequests": {"Max": self.org.allowed, "Remaining": left}})
        if kind.startswith("job"):
            return self.jobs.served(method, rest[2:], body)
        raise CallError(405 if kind != "unknown" else 404, "METHOD_NOT_ALLOWED")

    def _json(self, answer):
        return 200, answer, "application/json"

    # --- records --------------------------------------------------------------------------------

    def _query(self, rest, params):
        if len(rest) > 1:
            return self._page(*self.org.locators[rest[1]])
        listing = ONE_LISTING.fullmatch(params["q"][0])
        match = listing or ONE_SELECT.fullmatch(params["q"][0])
        if match is None:
            raise CallError(400, "MALFORMED_QUERY")
        names = match["fields"].split(",")
        if len({name.casefold() for name in names}) < len(names):
            raise CallError(400, "INVALID_FIELD", "duplicate field selected")
        name = match["name"]
        if name.casefold() not in self.org.tables:
            raise CallError(400, "INVALID_TYPE")
        table = self.org.table(name)
        fields = [table.field(each).name for each in names]
        rows = list(table.rows.values())
        if listing:
            shows = re.findall(r"(\w+) != null", listing["shows"] or "")
            rows = self.org.showing(table, shows, listing["after"] or "")
        elif match["where"]:
            values = [re.sub(r"\\(.)", r"\1", each) for each in LITERAL.findall(match["values"])]
            whole = ",".join(
                each.group(0).removesuffix(",") for each in LITERAL.finditer(match["values"])
            )
            if whole != match["values"]:
                raise CallError(400, "MALFORMED_QUERY")
            self.org.largest["values"] = max(self.org.largest["values"], len(values))
            rows = self.org.matching(table, match["where"], set(values))
        rows = rows[: int(match["limit"] or len(rows))]
        told = [
            {"attributes": {"type": table.name}} | {f: row.get(f) for f in fields} for row in rows
        ]
        return self._page(told, 0)

    def _page(self, rows, start):
        end = start + self.org.page
        page = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
        if not page["done"]:
            locator = f"01g5f000000{len(self.org.locators)}AAA-{end}"
            self.org.locators[locator] = (rows, end)
            page["nextRecordsUrl"] = f"/services/data/{VERSION}/query/{locator}"
        return page

    def _collection(self, told):
        records = told["records"]
        self.org.largest["records"] = max(self.org.largest["records"], len(records))
        if len(records) > 200:
            raise CallError(400, "EXCEEDED_MAX_SOBJECTS_COLLECTIONS")
        answers = []
        for record in records:
            table = self.org.table(record["attributes"]["type"])
            values = {k: v for k, v in record.items() if k not in {"attributes", "id"}}
            for name, value in values.items():  # what can't be read refuses the whole call
                try:
                    table.field(name).taken(value)
                except RowError:
                    continue
        for record in records:
            table = self.org.table(record["attributes"]["type"])
            values = {k: v for k, v in record.items() if k not in {"attributes", "id"}}
            try:
                self.org.update(table, record["id"], values)
                answers.append({"id": record["id"], "success": True, "errors": []})
            except RowError as error:
                answers.append({"success": False, "errors": [error.told()]})
        return answers

    def _row(self, rest, params, values):
        table = self.org.table(rest[0])
        created = {"created": False}
        if len(rest) == 3:
            hits = self.org.matching(table, rest[1], {rest[2]})
            if len(hits) > 1:
                path = f"/services/data/{VERSION}/sobjects/{table.name}"
                return 300, [f"{path}/{row['Id']}" for row in hits], "application/json"
            if not hits and params.get("updateOnly") == ["true"]:
                raise CallError(404, "NOT_FOUND")
            if not hits:
                id_ = self.org.seed(table.name, **{rest[1]: rest[2]}, **values)
                return 201, {"id": id_, "success": True, "created": True}, "application/json"
            id_ = hits[0]["Id"]
        else:
            id_ = rest[1]
        try:
            self.org.update(table, id_, values)
        except RowError as error:
            is_gone = error.code in {"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"}
            code = "NOT_FOUND" if error.code == "INVALID_CROSS_REFERENCE_KEY" else error.code
            raise CallError(404 if is_gone else 400, code, fields=error.fields) from None
        if len(rest) == 3:
            return self._json({"id": id_, "success": True, "errors": []} | created)
        return 204, b"", "application/json"

    def _describe(self, name):
        table = self.org.table(name)
        fields = [each.describe() for each in table.fields.values()]
        able = {"queryable": table.queryable, "updateable": table.updateable}
        return {"name": table.name, "keyPrefix": table.prefix, "fields": fields} | able
