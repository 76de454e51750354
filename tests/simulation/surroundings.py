"""What the tool stands on, replaced: clocks, dice, threads, sockets. All of its own code is real.

This is the one place that knows by which names the tool's modules call their surroundings; a name
that is no longer there fails at once.
"""

from collections import defaultdict
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from random import Random
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine, event
from urllib3 import HTTPResponse

import sync.crm.sql.adapter
import sync.ledger.opening
from sync.operate.stopping import Stop
from sync.transport import Transport


class Wire(HTTPAdapter):
    """Carries requests to the fake Voucherify instead of a socket."""

    def __init__(self, network):
        super().__init__()
        self._network = network

    def send(self, request, **_options):
        parts = urlsplit(request.url)
        answer = self._network.carries(parts.path, dict(parse_qsl(parts.query)))
        raw = HTTPResponse(
            body=BytesIO(answer.body),
            headers=answer.headers,
            status=answer.status,
            preload_content=False,
        )
        return self.build_response(request, raw)


class Fetchers(Executor):
    """Threads that are none: a call is made when somebody waits, in the order that a fate picks."""

    is_busy = False

    def __init__(self, machine, on_leave=lambda: None):
        self._machine = machine
        self._on_leave = on_leave
        self._open = []
        self._left = None

    def submit(self, fn, /, *arguments, **options):
        call = _Call(lambda: fn(*arguments, **options))
        if self._left is not None:
            call.set_exception(self._left)
        self._open.append(call)
        return call

    def leave(self, error):
        """Make no call any more; whoever waits gets the error."""
        if self._left is None:
            self._left = error
            self._on_leave()
            for call in self._open:
                if not call.done():
                    call.set_exception(error)

    def wait(self, futures, _seconds, _until):
        """Stand in for `concurrent.futures.wait`: at least one call comes to its end."""
        waiting = [each for each in futures if not each.done()]
        for _ in range(self._machine.fate.how_many(len(waiting))):
            waiting.pop(self._machine.fate.pick(len(waiting))).is_made()
        done = {each for each in futures if each.done()}
        return done, set(futures) - done


class _Call(Future):
    def __init__(self, call):
        super().__init__()
        self._call = call

    def is_made(self):
        if self.done() or not self.set_running_or_notify_cancel():
            return
        try:
            result = self._call()
        except Exception as failure:  # noqa: BLE001  # told by the future
            self.set_exception(failure)
        else:
            self.set_result(result)

    def result(self, timeout=None):
        self.is_made()
        return super().result(timeout)

    def exception(self, timeout=None):
        self.is_made()
        return super().exception(timeout)


class VirtualStop(Stop):
    """Waits without waiting, and gives threads that are none."""

    def __init__(self, machine):
        super().__init__(machine.clock.monotonic)
        self._machine = machine
        self.longest_wait = 0.0

    def wait(self, seconds):
        self.go_on()
        self.longest_wait = max(self.longest_wait, seconds)
        self._machine.clock.passes(seconds)
        self._machine.point("waiting")
        self.go_on()

    def workers(self, _name, _number, _grace, on_leave=lambda: None):
        return Fetchers(self._machine, on_leave)


class Engines:
    """Lends the databases' engines to one process after the other.

    An engine that comes back has lost all its connections; what stays is the SQL that it compiled,
    which would be most of the time of a night.
    """

    def __init__(self, around):
        self._around = around
        self._free = defaultdict(list)
        self._lent = defaultdict(list)

    def lending(self, make):
        def lend(url, *arguments, **how):
            machine = self._around.machine
            if machine is None or machine.connection_class_of(url.database) is None:
                return make(url, *arguments, **how)
            key = (make, url, arguments, *how.items())
            free = self._free[key]
            engine = free.pop() if free else make(url, *arguments, **how)
            self._lent[machine.current].append((key, engine))
            return engine

        return lend

    def come_back(self, process):
        for key, engine in self._lent.pop(process, ()):
            engine.dispose()
            self._free[key].append(engine)


class Surroundings:
    """What replaced functions ask: `machine` and `network` of the seed that is being simulated."""

    def __init__(self):
        self.machine = None
        self.network = None
        self.engines = Engines(self)

    def wire(self, _seconds):
        return Wire(self.network)

    def now(self):
        return self.machine.clock.now()

    def monotonic(self):
        return self.machine.clock.monotonic()

    def random(self):
        return Random(self.machine.fate.number())


@contextmanager
def replaced():
    """Let the tool live in the simulation's surroundings for as long as the block runs."""
    around = Surroundings()

    def connecting(_dialect, _record, arguments, options):
        if kind := around.machine and around.machine.connection_class_of(arguments[0]):
            options["factory"] = kind

    def waiting(futures, seconds, until):
        return Fetchers(around.machine).wait(futures, seconds, until)

    event.listen(Engine, "do_connect", connecting)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sync.app.ground.now", around.now)
            patch.setattr("sync.app.wiring.now", around.now)
            patch.setattr("sync.app.wiring.monotonic", around.monotonic)
            patch.setattr("sync.app.wiring.Random", around.random)
            patch.setattr("sync.jobs.collect.wait", waiting)
            patch.setattr("sync.jobs.codes.wait", waiting)
            patch.setattr("sync.transport.AnswersInTime", around.wire)
            patch.setattr("tenacity.time", SimpleNamespace(monotonic=around.monotonic))
            transport = partial(Transport, clock=around.monotonic)
            patch.setattr("sync.app.wiring.Transport", transport)
            for module in (sync.ledger.opening, sync.crm.sql.adapter):
                patch.setattr(module, "make_engine", around.engines.lending(module.make_engine))
            yield around
    finally:
        event.remove(Engine, "do_connect", connecting)
