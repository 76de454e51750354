"""A receiver of ours that keeps a small CRM behind it: what an own service may look like.

It speaks HTTP on the loopback, verifies who sent a message and when, remembers the ids of what it
did, and answers with the contract's words. `in_trouble` makes it fail in the ways of the kit.
"""

import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sync.crm.contract import Trouble

STATUS_OF = {
    Trouble.THROTTLED: 429,
    Trouble.BROKEN: 503,
    Trouble.WRITE_REFUSED: 422,
    Trouble.ITEM_FAILS: 500,
}
OF_ONE = {Trouble.WRITE_REFUSED, Trouble.ITEM_FAILS}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _client_address):
        """Senders that are kept waiting hang up."""


class Receiver:
    """Contacts (`shape` slots) or assignments (records) in memory, a dictionary each.

    `by_path` answers other paths than the hook's by a status and headers.
    """

    def __init__(self, secret, shape="slots"):
        self.secret = secret
        self.shape = shape
        self.rows = []
        self.results = {}
        self.calls = 0
        self.by_path = {}
        self._trouble = (None, {})
        self._lock = threading.Lock()
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.answer(self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, told = answer
                self.send_response_only(status)
                for name, value in {"Content-Length": f"{len(told)}", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told)

            do_OPTIONS = do_POST  # noqa: N815 - as http.server looks for it

            def log_message(self, *_arguments):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.base}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def stop(self):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def rows_with(self, **fields):
        return [row for row in self.rows if fields.items() <= row.items()]

    def answer(self, path, headers, body):
        """Give status, headers and body; None hangs up."""
        self.calls += 1
        if path in self.by_path:
            return (*self.by_path[path], b"")
        if self._trouble[0] is Trouble.KEY_REFUSED or not self._is_ours(headers, body):
            return 401, {}, b""
        if not body:
            return 200, {}, b""
        return self._through_trouble(json.loads(body))

    def _is_ours(self, headers, body):
        sent_at = headers["X-Holdersync-Timestamp"]
        signed = hmac.new(self.secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256)
        is_signed = headers["X-Holdersync-Signature"] == f"v1={signed.hexdigest()}"
        return is_signed and abs(time.time() - int(sent_at)) <= 300

    def _through_trouble(self, event):
        kind, one = self._trouble
        is_about = kind not in OF_ONE or one.items() <= event["data"].items()
        if kind is Trouble.SILENT:
            self._over.wait(20)
            return None
        if kind in STATUS_OF and is_about:
            return STATUS_OF[kind], {}, b""
        with self._lock:
            result = self._once(event)
        if kind is Trouble.ANSWER_LOST:
            self._trouble = (None, {})
            return None
        return 200, {}, json.dumps({"result": result}).encode()

    def _once(self, event):
        if event["id"] in self.results:
            first = self.results[event["id"]]
            return "already_removed" if first == "removed" else first
        ends = self._end_in_slot if self.shape == "slots" else self._end_record
        result = ends(event["data"])
        # Who is not there may still come, and is then asked for under the same id.
        if result not in {"contact_not_found", "assignment_not_found"}:
            self.results[event["id"]] = result
        return result

    def _end_in_slot(self, data):
        contacts = self.rows_with(customer_id=data["customer_id"])
        if len(contacts) != 1:
            return "rejected" if contacts else "contact_not_found"
        [contact] = contacts
        if not contact["code"]:
            return "already_removed"
        if contact["code"] != data["code"] or data["superseded_by"]:
            return "superseded"
        contact["code"] = ""
        return "removed"

    def _end_record(self, data):
        records = self.rows_with(holder_id=data["holder_id"])
        if len(records) != 1:
            return "rejected" if records else "assignment_not_found"
        [record] = records
        if record["ended_at"]:
            return "already_removed"
        record["ended_at"] = data["unassigned_at"]
        return "removed"

    @contextmanager
    def in_trouble(self, kind, **one):
        """Fail so until the block ends; `one` is what a failure with one only is about."""
        self._over.clear()
        self._trouble = (kind, one)
        try:
            yield
        finally:
            self._trouble = (None, {})
            self._over.set()
