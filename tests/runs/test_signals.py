"""A signal ends a run in order within five seconds, whatever it is waiting for.

Real processes and real signals; each test says how long the end took (shown with -rP).
"""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

log = logging.getLogger(__name__)

AT_MOST = 5.0
"""Seconds from the signal to the end of the process."""
STALL = "delay 60"
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@contextmanager
def started(shop, *arguments, **options):
    """Start a command; whatever happens, it does not outlive the block."""
    with shop.start(*arguments, "--json", **options) as process:
        try:
            yield process
        finally:
            process.kill()


class Ended:
    """How a process ended after a signal."""

    def __init__(self, process, out, err, seconds):
        self.code = process.returncode
        self.out = out
        self.err = err
        self.seconds = seconds
        log.warning("ended after %.2f s", seconds)

    @property
    def json(self):
        return json.loads(self.out)

    def is_in_order(self):
        """Say whether it ended as it should: in time, parked, with one object and no traceback."""
        assert "Traceback" not in self.err, self.err
        assert self.seconds < AT_MOST
        assert self.out.count("\n") == 1, (self.out, self.err)
        told = (self.code, self.json["result"], self.json["parked_by"])
        assert told == (75, "parked", "signal"), self.err
        return True


def wait_until(condition, process, seconds=30.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.01)


def hears(process):
    """Tell whether the process takes SIGTERM for more than its end."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


def stop(process, number, *, again_after=None):
    """Send the signal, and give how the process ended."""
    asked = time.monotonic()
    process.send_signal(number)
    if again_after is not None:
        time.sleep(again_after)
        process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return Ended(process, out, err, time.monotonic() - asked)


def activity_calls(shop):
    return shop.playground.counters().by_endpoint.get("activity", 0)


def consistent(shop, summary):
    """Say whether ledger and summary tell the same of what was read and counted."""
    stored = shop.ledger("SELECT count(*) FROM customers WHERE asked_at IS NOT NULL")[0][0]
    found = shop.ledger("SELECT count(*) FROM unassignments")[0][0]
    used = shop.ledger("SELECT used FROM budget")[0][0]
    assert summary["customers"]["left"] == summary["customers"]["selected"] - stored
    assert summary["events"]["new"] == found
    assert summary["calls"]["made"] == summary["calls"]["cycle_used_by_us"] == used
    assert [row[0] for row in shop.ledger("SELECT exit_code FROM runs")] == [75]
    return True


def goes_on(shop, matches_truth, **settings):
    """Say whether the next run does what is left, and the CRM equals the truth then."""
    shop.playground.set_faults("")
    result = shop.run(**settings)
    assert result.code in (0, 65), result.err
    assert (result.json["customers"]["left"], result.json["pending"]) == (0, 0)
    right, wrong, unknown = matches_truth(shop)
    assert right, (wrong, unknown)
    return True


@BOTH
def test_answers_that_stall_are_left_behind_and_their_calls_stay_counted(
    shop, matches_truth, number
):
    shop.playground.set_faults(f"path:/activity 20- {STALL}")
    with started(shop, "run") as process:
        wait_until(lambda: activity_calls(shop) >= 25, process)
        ended = stop(process, number)

    assert ended.is_in_order()
    assert ended.json["calls"]["made"] == shop.playground.counters().total
    assert consistent(shop, ended.json)
    assert goes_on(shop, matches_truth)


def test_a_list_that_stalls_is_left_behind(new_shop, matches_truth):
    shop = new_shop(customers=250)
    shop.believe()
    shop.playground.set_faults(f"2- {STALL}")
    with started(shop, "run") as process:
        wait_until(lambda: shop.playground.counters().total == 2, process)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    assert shop.ledger("SELECT count(*) FROM customers")[0][0] == 100
    assert goes_on(shop, matches_truth)


def test_a_backfill_ends_as_a_run_does(shop, matches_truth):
    shop.playground.set_faults(f"path:/activity 20- {STALL}")
    window = ("--from", "2020-01-01", "--to", f"{shop.world.now:%Y-%m-%d}")
    with started(shop, "backfill", *window) as process:
        wait_until(lambda: activity_calls(shop) >= 25, process)
        ended = stop(process, signal.SIGINT)

    assert ended.is_in_order()
    assert ended.json["kind"] == "backfill"
    shop.playground.set_faults("")
    again = shop.command("backfill", *window, "--json")
    assert (again.json["customers"]["left"], again.code) == (0, 65)
    shop.run()
    assert matches_truth(shop, with_old=True)[0]


@pytest.mark.parametrize(
    ("faults", "settings"),
    [
        pytest.param("", {"VOUCHERIFY_RATE": "1/min"}, id="its own rate"),
        pytest.param("path:/activity 8- status 429 retry-after=50", {}, id="a 429"),
        pytest.param("path:/activity 8- status 503 retry-after=50", {}, id="a 503"),
    ],
)
def test_whoever_waits_for_the_next_call_waits_no_longer(shop, faults, settings):
    shop.playground.set_faults(faults)
    calls = 8 if faults else 1
    with started(shop, "run", **settings) as process:
        wait_until(lambda: shop.playground.counters().total >= calls, process)
        time.sleep(0.3)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    assert consistent(shop, ended.json)


class Dripping(ThreadingHTTPServer):
    """Passes on what a playground answers; from the tenth activity on, a byte now and then."""

    daemon_threads = True

    def __init__(self, base_url):
        self.target = urlsplit(base_url)
        self.drips = 0
        super().__init__(("127.0.0.1", 0), _Drip)

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, _request, _client_address):
        """Say nothing of clients that hang up."""


class _Drip(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        target = self.server.target
        with closing(HTTPConnection(target.hostname, target.port, timeout=10)) as connection:
            connection.request("GET", self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        if "/activity" in self.path:
            type(self).asked += 1
            if self.asked > 10:
                self._drip(body)
        self.wfile.write(body)

    def _drip(self, body):
        self.server.drips += 1
        for place in range(len(body) - 1):
            self.wfile.write(body[place : place + 1])
            time.sleep(0.2)

    def log_message(self, *_arguments):
        """Say nothing."""


def test_answers_that_drip_are_left_behind(shop, matches_truth):
    with Dripping(shop.playground.base_url) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with started(shop, "run", VOUCHERIFY_BASE_URL=server.base_url) as process:
            wait_until(lambda: server.drips >= 6, process)
            ended = stop(process, signal.SIGTERM)
        server.shutdown()

    assert ended.is_in_order()
    assert consistent(shop, ended.json)
    shop.command("ledger", "rebind")
    assert goes_on(shop, matches_truth)


@contextmanager
def held(database):
    """Hold a database as another program does that writes to it."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def told(shop):
    with suppress(sqlite3.OperationalError):
        return shop.ledger("SELECT 1 FROM deliveries")
    return False


def test_a_crm_that_is_locked_is_left_behind(shop, matches_truth):
    with held(shop.crm_file):
        patient = "sqlite:///crm.db?timeout=600"
        with started(shop, "run", CRM_SQL_URL=patient) as process:
            wait_until(lambda: told(shop), process)
            time.sleep(0.2)
            ended = stop(process, signal.SIGINT)

    assert ended.is_in_order()
    assert ended.json["pending"] == ended.json["events"]["new"] > 0
    assert ended.json["customers"]["left"] == 0
    assert goes_on(shop, matches_truth)


ADAPTER = '''
import time, threading
from pathlib import Path
from sync.crm.sql.adapter import SqlAdapter


def mark(adapter):
    (Path(adapter.place.split(",")[0]).parent / "begun").touch()


class Slow(SqlAdapter):
    """Needs three seconds for the first batch."""

    def unassign(self, batch):
        mark(self)
        time.sleep(3)
        return super().unassign(batch)


class Hanging(SqlAdapter):
    """Never answers, and has a thread of its own that never ends."""

    def unassign(self, batch):
        mark(self)
        threading.Thread(target=threading.Event().wait).start()
        threading.Event().wait()

    def close(self):
        (Path(self.place.split(",")[0]).parent / "closed").touch()


class NeverChecked(SqlAdapter):
    """Never says whether it can be used."""

    def check(self):
        mark(self)
        threading.Event().wait()


class NeverClosed(SqlAdapter):
    """Does its work, and never ends."""

    def close(self):
        mark(self)
        threading.Event().wait()
'''


@pytest.fixture
def strange(shop):
    """Give settings that choose one of the adapters above."""
    (shop.home / "strange_crm.py").write_text(ADAPTER)

    def choose(name):
        found_first = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        path = os.pathsep.join([str(shop.home), *filter(None, found_first)])
        return {"HOLDERSYNC_CRM": f"strange_crm:{name}", "PYTHONPATH": path}

    return choose


def begun(shop):
    return (shop.home / "begun").exists()


def test_a_crm_write_that_ends_within_four_seconds_is_stored(shop, strange, matches_truth):
    with started(shop, "run", **strange("Slow")) as process:
        wait_until(lambda: begun(shop), process)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    assert ended.json["pending"] == 0
    assert sum(ended.json["outcomes"].values()) == ended.json["events"]["new"] > 0
    assert matches_truth(shop)[0]


def test_a_crm_write_that_never_ends_is_left_behind(shop, strange, matches_truth):
    with started(shop, "run", **strange("Hanging")) as process:
        wait_until(lambda: begun(shop), process)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    assert ended.seconds > 3.9
    assert ended.json["pending"] == ended.json["events"]["new"] > 0
    assert not (shop.home / "closed").exists()  # one call at a time, and this one goes on
    assert goes_on(shop, matches_truth)


def test_a_second_signal_waits_for_nothing(shop, strange, matches_truth):
    with started(shop, "run", **strange("Hanging")) as process:
        wait_until(lambda: begun(shop), process)
        ended = stop(process, signal.SIGTERM, again_after=0.5)

    assert ended.is_in_order()
    assert ended.seconds < 3
    assert goes_on(shop, matches_truth)


@BOTH
def test_what_was_said_stands_whatever_signal_comes_while_the_process_ends(shop, number):
    with started(shop, "run") as process:
        said = json.loads(process.stdout.readline())
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.01)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, said["result"]) == (65, "done")
    assert (out, "Traceback" in err) == ("", False)


def test_a_crm_that_can_not_be_closed_keeps_nobody_and_the_result_stands(shop, strange):
    with started(shop, "run", **strange("NeverClosed")) as process:
        wait_until(lambda: begun(shop), process)
        ended = stop(process, signal.SIGTERM)

    assert ended.seconds < AT_MOST
    assert (ended.code, ended.json["result"], ended.json["pending"]) == (65, "done", 0)
    assert ended.out.count("\n") == 1


def test_a_check_of_a_crm_that_does_not_answer_can_be_interrupted(shop, strange):
    with started(shop, "check", **strange("NeverChecked")) as process:
        wait_until(lambda: begun(shop), process)
        ended = stop(process, signal.SIGINT)

    assert (ended.code, ended.out) == (75, "")
    assert ended.seconds < AT_MOST
    assert "stopped by a signal" in ended.err
    assert "Traceback" not in ended.err


def test_a_ledger_that_another_program_holds_ends_with_what_is_known(shop, matches_truth):
    shop.playground.set_faults("path:/activity * delay 0.1")
    with started(shop, "run") as process:
        wait_until(lambda: activity_calls(shop) > 20, process)
        with held(shop.ledger_file):
            time.sleep(0.5)
            ended = stop(process, signal.SIGTERM)
    stored = shop.ledger("SELECT count(*) FROM customers WHERE asked_at IS NOT NULL")[0][0]

    assert ended.is_in_order()
    assert "stopped by a signal" in ended.err
    assert ended.json["customers"]["left"] == 50 - stored > 0
    assert ended.json["calls"]["made"] == shop.playground.counters().total
    assert (ended.json["pending"], ended.json["dead_letters"]) == (None, None)
    assert goes_on(shop, matches_truth)


def test_a_ledger_that_is_held_when_the_run_begins_ends_without_a_run(shop):
    shop.run()
    with held(shop.ledger_file), started(shop, "run") as process:
        wait_until(lambda: hears(process), process)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    assert ended.json["run_id"]
    assert shop.ledger("SELECT count(*) FROM runs")[0][0] == 1


def test_a_signal_to_the_whole_group_is_one_signal(shop, matches_truth):
    shop.playground.set_faults(f"path:/activity 20- {STALL}")
    wrapper = (
        "import signal, subprocess, sys\n"
        "process = subprocess.Popen([sys.executable, '-W', 'error', '-c',"
        " 'from sync.cli import main; main()', 'run', '--json'])\n"
        "for number in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(number, lambda number, _frame: process.send_signal(number))\n"
        "raise SystemExit(process.wait())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", wrapper],
        env=os.environ | shop.settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=shop.home,
        start_new_session=True,
    ) as process:
        wait_until(lambda: activity_calls(shop) >= 25, process)
        asked = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        ended = Ended(process, out, err, time.monotonic() - asked)

    assert ended.is_in_order()
    assert consistent(shop, ended.json)
    assert goes_on(shop, matches_truth)


def test_customers_that_never_come_from_standard_input_are_not_waited_for(shop):
    with started(shop, "run", "--customers", "-", typed=True) as process:
        wait_until(lambda: hears(process), process)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        seconds = time.monotonic() - asked
        ended = Ended(process, process.stdout.read(), process.stderr.read(), seconds)

    assert ended.is_in_order()


def test_what_was_typed_lies_nowhere_once_the_process_was_killed(shop, tmp_path):
    """It may be an export with the e-mail addresses of everybody."""
    (place := tmp_path / "temporary").mkdir()
    people = "".join(f"{each.customer_id},ann@example.com\n" for each in shop.world.customers)
    shop.playground.set_faults(f"path:/activity 2- {STALL}")
    with started(shop, "run", "--customers", "-", typed=True, TMPDIR=str(place)) as process:
        process.stdin.write(f"customer_id,email\n{people}")
        process.stdin.close()
        wait_until(lambda: activity_calls(shop) >= 2, process)
        process.kill()
        process.wait(timeout=30)

    assert list(place.rglob("*")) == []


def test_a_reader_who_stopped_reading_keeps_nobody(shop):
    """Standard output is a pipe that is full, so that printing blocks."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    try:
        while True:
            os.write(theirs, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(theirs, True)
    shop.playground.set_faults(f"path:/activity 20- {STALL}")
    with subprocess.Popen(
        [sys.executable, "-c", "from sync.cli import main; main()", "run", "--json"],
        env=os.environ | shop.settings,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=shop.home,
    ) as process:
        os.close(theirs)
        wait_until(lambda: activity_calls(shop) >= 25, process)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    seconds = time.monotonic() - asked
    os.close(ours)

    assert process.returncode == 75
    assert seconds < AT_MOST
    assert [row[0] for row in shop.ledger("SELECT exit_code FROM runs")] == [75]
