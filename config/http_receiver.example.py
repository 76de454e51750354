# ruff: noqa: D101, D102, INP001, N815, PLR2004, T201
"""Receives unassignments: verifies who sent them and when, and answers 204, or 401."""

import hashlib
import hmac
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers["Content-Length"]), 65_536))
        sent_at = self.headers.get("X-Holdersync-Timestamp", "")
        given = self.headers.get("X-Holdersync-Signature", "")
        key = os.environ["CRM_HTTP_SECRET"].encode()
        expected = "v1=" + hmac.new(key, f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        is_ours = hmac.compare_digest(given.encode(), expected.encode())
        is_good = is_ours and abs(time.time() - int(sent_at)) <= 300
        # Your part: json.loads(body)["data"] says who lost which code; a repeat has the same "id".
        self.send_response(204 if is_good else 401)
        self.end_headers()

    do_OPTIONS = do_POST  # what holdersync check sends, with an empty body


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
print("Listening on port", server.server_port, flush=True)
server.serve_forever()
