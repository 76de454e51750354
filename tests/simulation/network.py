"""What lies between the tool and Voucherify: time, and everything that goes wrong on the way."""

import json
from urllib.parse import unquote

import requests

from tests.simulation.payloads import refusal

OK, NOT_FOUND = 200, 404
HELD = "/redeemables"
HTML = "<html><body>Bad gateway</body></html>"
BROKEN = refusal(500, "internal_server_error")


def _half_of_the_holders(server, body):
    """A list that has a total is given in part; what a customer has is given as it is."""
    told = json.loads(body)
    if not {"total", "data"} <= told.keys():
        return None
    told |= {"data": told["data"][: len(told["data"]) // 2], "has_more": False}
    return server.says(OK, json.dumps(told))


INSTEAD = {
    "500": lambda server, _: server.says(500, BROKEN),
    "502": lambda server, _: server.says(502, HTML),
    "503": lambda server, _: server.says(503, HTML, Retry_After="2"),
    "504": lambda server, _: server.says(504, BROKEN),
    "html": lambda server, _: server.says(OK, HTML),
    "cut": lambda server, body: server.says(OK, body[:-20]),
    "no date": lambda server, body: server.says(OK, body, Date=None),
    "429": lambda server, _: server.too_many(),
    "429 untold": lambda server, _: server.too_many(told_when=False),
    "404 of a proxy": lambda server, _: server.says(404, HTML),
    "half of the holders": _half_of_the_holders,
    "bookmark refused": lambda server, _: server.says(400, refusal(400, "invalid_query_params")),
}
"""What comes back in place of a good answer; None for the answer itself."""
FAULTS = ("unreachable", "reset", "silent", *INSTEAD)


class Network:
    """Carries each request of a process to the server, and its answer back."""

    def __init__(self, machine, server, promises):
        self._machine = machine
        self._server = server
        self._promises = promises
        self._given = None

    def carries(self, path, query):
        """Give the answer.

        Raises:
            requests.RequestException: none came back.
        """
        machine, process = self._machine, self._machine.current
        machine.point("before call")
        self._promises.calling(process)
        process.sent += 1
        machine.clock.passes(machine.fate.latency())
        self._server.shop_calls(machine.fate.shop_calls())
        fault = machine.fate.call(query)
        if fault:
            machine.tells(f"{process}: {fault}")
        try:
            answer = self._answer(fault, path, query)
        except requests.RequestException:
            machine.point("after call")
            raise
        machine.tells(f"{process}: {answer.status} to {path} {query.get('starting_after_id', '')}")
        self._promises.answered(process, answer)
        is_whole = answer is self._given
        if is_whole and path.endswith(HELD) and answer.status in {OK, NOT_FOUND}:
            self._promises.showed(_customer_of(path), json.loads(answer.body))
        machine.point("after call")
        return answer

    def _answer(self, fault, path, query):
        if fault == "unreachable":
            raise requests.ConnectionError
        answer = self._given = self._server.answers(path, query)
        if answer.status != OK:
            return answer
        if fault == "reset":
            raise requests.ConnectionError
        if fault == "silent":
            self._machine.clock.passes(30)
            raise requests.ReadTimeout
        if fault == "bookmark refused" and "starting_after_id" not in query:
            return answer
        instead = INSTEAD[fault](self._server, answer.body.decode()) if fault else None
        return instead or answer


def _customer_of(path):
    return unquote(path.removesuffix(HELD).rpartition("/")[2])
