# ruff: noqa: D101, D102, D103, INP001, N815, PLR2004, T201
"""Receives unassignments: 204 for what holdersync signed in the last five minutes, else 401."""

import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ["CRM_HTTP_SECRET"].encode()


def end_assignment(event: dict[str, object]) -> None:
    """Your part: `data` says who lost which code; a repeat has the same `id`."""


def is_ours(sent_at: str, signature: str, body: bytes) -> bool:
    expected = "v1=" + hmac.new(KEY, f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
    is_signed = hmac.compare_digest(signature.encode(), expected.encode())
    return is_signed and sent_at.isdecimal() and abs(time.time() - int(sent_at)) <= 300


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds for which a sender may be silent

    def do_POST(self) -> None:
        get, length = self.headers.get, self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdecimal() and len(length) < 6 else b""
        ours = is_ours(get("X-Holdersync-Timestamp", ""), get("X-Holdersync-Signature", ""), body)
        if ours and body:
            end_assignment(json.loads(body))
        self.send_response(204 if ours else 401)
        self.end_headers()

    do_OPTIONS = do_POST  # what holdersync check sends, without a body


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
print("Listening on port", server.server_port, flush=True)
server.serve_forever()
