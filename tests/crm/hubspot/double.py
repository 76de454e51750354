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
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from tests.crm.hubspot.endpoints import VERSION, Endpoints, Property, Refused, error

SCOPES = {"read", "write", "schema"}
FOREVER = 1_000_000


@dataclass
class Fault:
    """What happens to the next calls whose path ends so."""

    ending: str
    times: int
    answer: tuple | None = None
    is_written: bool = False
    is_silent: bool = False
    before: object = None


class HubSpot(Endpoints):
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
        self.forbidden, self.stuck, self.unreadable = set(), set(), set()
        self.partial = False
        self.blames = True
        self.tells_merges = True
        self.overlooks = False
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

    def _put(self, kind, record_id, row):
        self.objects[kind][record_id] = row
        self._index(kind, record_id, at=self.now)
        return record_id

    def _index(self, kind, record_id, at):
        seen = self.indexed.setdefault((kind, record_id), [])
        seen.append((at, dict(self.objects[kind][record_id])))


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
