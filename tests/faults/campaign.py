"""One cell of the campaign: a fault, a kind of call, and a shop of its own that meets it."""

import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sync.app.wiring import IN_LINE
from sync.cli.demo import believed
from sync.crm.sql.believed import put_in
from sync.jobs.enough import SAME_IN_A_ROW
from sync.model.patience import Patience
from sync.playground import Playground
from sync.transport import Transport
from tests.faults.proxy import Strike, pass_on
from tests.shops import Shop

MOST_RUNS = 3
"""So many runs after the fault are enough for everything to be put right."""
LONGEST_CELL = 60.0
"""Seconds after which whatever is held is let go, and the cell has failed."""


@dataclass(frozen=True)
class Form:
    """How large the shop is and how long a call may take.

    `page` is the number of rows of a page, of either list; the shop has three pages of customers.
    `slack` is what a busy machine may add to a time, in seconds.
    """

    page: int
    patience: Patience
    slack: float = 3.0

    @property
    def one_request(self):
        """What one request may take, whatever happens: to connect, and to be answered."""
        return self.patience.connect + self.patience.answer

    def one_call(self, max_wait):
        """What one call may take with all its attempts; `max_wait` is for each until it may go."""
        return self.patience.total + self.one_request + self.patience.attempts * max_wait


SHORT = Form(4, Patience(attempts=2, largest_body=1024 * 1024))
LONG = Form(100, Patience())
REAL = Form(4, Patience())


def impatient(form):
    """The same form for faults that take time: a busy machine's good answers may be late then."""
    seconds = 0.4 if form is SHORT else 1.0
    patience = replace(form.patience, connect=seconds, read=seconds, answer=1.5 * seconds)
    return replace(form, patience=replace(patience, attempts=3))


def populate(playground, page):
    """Make three pages of customers, two of them with three pages of history; give all holders.

    Of the two, each page holds an unassignment; of the others, two in three have one.
    """
    # The generated person has a history of its own kind: here every answer must be known by heart.
    for person in playground.world.customers:
        playground.delete_customer(person.customer_id)
    codes = [each.voucher_id for each in playground.world.vouchers if each.campaign.is_referral]
    holders = []
    for number in range(2 * page + 2):
        created_at = playground.world.now - timedelta(days=200, minutes=-number)
        (person,) = playground.add_customers_at(created_at, 1)
        is_long = number in {2, page + 1}
        for place, code in enumerate(codes[:3] if is_long else codes[:1]):
            begin = playground.world.now - timedelta(days=20, hours=-place, seconds=-number)
            holders.append(playground.assign(person.customer_id, code, begin))
            for step in range(page - 2 if is_long else number % 2):
                _happens(playground, person, begin + timedelta(seconds=1 + step))
            if is_long or number % 3:
                playground.unassign(holders[-1].holder_id, begin + timedelta(minutes=50))
    return holders


def _happens(playground, person, at):
    event = {
        "id": f"evcus_{person.customer_id}_{at:%H%M%S}",
        "type": "customer.updated",
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        "data": {"customer": {"id": person.customer_id, "object": "customer"}},
    }
    playground.add_event(person.customer_id, event)


class Campaign:
    """Makes shops, each with a playground of its own behind the one proxy.

    `ledger` is a ledger that was never used, to be copied: making one takes long.
    """

    def __init__(self, form, clock, proxy, ledger):
        self.form = form
        self.clock = clock
        self.proxy = proxy
        self.longest_call = 0.0
        self._ledger = ledger

    def rule(self, monkeypatch):
        """Let the tool live by this clock, this patience and these pages until the test ends."""
        self.clock.rule(monkeypatch)
        for module in ("activity", "listed"):
            monkeypatch.setattr(f"sync.voucherify.{module}.PAGE_SIZE", self.form.page)
        monkeypatch.setattr("sync.app.wiring.Patience", lambda **_: self.form.patience)
        monkeypatch.setattr("sync.app.wiring.Transport", partial(Timed, self))

    @contextmanager
    def shop(self, home, capsys):
        """Give a shop that has never seen a run."""
        home.mkdir()
        shutil.copy(self._ledger, home / "ledger.db")
        with Playground(customers=1, now=self.clock.now) as playground:
            holders = populate(playground, self.form.page)
            put_in(home / "crm.db", map(believed, [*playground.world.crm_today, *holders]))
            self.proxy.stand_before(playground)
            shop = Shop(home, playground, capsys)
            shop.settings["VOUCHERIFY_BASE_URL"] = self.proxy.url
            yield shop


class Timed(Transport):
    """The transport, with a look at the clock: a call is all its attempts and what it waited."""

    def __init__(self, campaign, **wiring):
        super().__init__(**wiring)
        self._campaign = campaign

    def get(self, url, params, judge):
        clock = self._campaign.clock
        began, waited = time.monotonic(), clock.waited
        try:
            return super().get(url, params, judge)
        finally:
            took = time.monotonic() - began + clock.waited - waited
            self._campaign.longest_call = max(self._campaign.longest_call, took)


class Cell:
    """One fault before one kind of call: a run under it, and the runs after it."""

    def __init__(self, campaign, shop, strike):
        self._campaign = campaign
        self._shop = shop
        self._strike = strike
        self._sent = 0
        self.longest_request = 0.0

    def run_under_it(self, within=LONGEST_CELL):
        """Do a run with the fault on. However long something is held, it ends in time."""
        proxy = self._campaign.proxy
        proxy.strike = self._strike
        watchdog = threading.Timer(within, proxy.let_go)
        watchdog.start()
        try:
            result = self._run()
        finally:
            watchdog.cancel()
            proxy.strike = pass_on
        assert not proxy.over.is_set(), f"a call was still held after {within} s"
        assert not proxy.somebody_went_elsewhere()
        self._check_strikes(result)
        return result

    def run_until_quiet(self):
        """Do runs without the fault, an hour and some news later; give the last one."""
        self._campaign.clock.jump(hours=1)
        self._something_happens()
        for _ in range(MOST_RUNS):
            result = self._run()
            if result.code == 0:
                break
        return result

    def _something_happens(self):
        playground, now = self._shop.playground, self._campaign.clock.now()
        held = next(row for row in playground.world.truth.values() if self._is_held(row))
        (newcomer,) = playground.add_customers_at(now - timedelta(minutes=50), 1)
        begin = now - timedelta(minutes=40)
        new = playground.assign(newcomer.customer_id, held.voucher_id, begin)
        for holder in (held, new):
            playground.unassign(holder.holder_id, now - timedelta(minutes=30))

    def _is_held(self, row):
        people = {each.customer_id for each in self._shop.world.customers}
        return row.status == "assigned" and row.customer_id in people

    def _run(self):
        log, crm = self._campaign.proxy.log, self._shop.crm()
        log.clear()
        result = self._shop.run()
        self._sent += len(log)
        took = [(call.ended or time.monotonic()) - call.began for call in log]
        self.longest_request = max([self.longest_request, *took])
        self._check(result, len(log), crm)
        return result

    def _check_strikes(self, result):
        assert self._strike.strikes == 1 if self._strike.once else self._strike.strikes >= 1
        if result.code != 0:
            # What goes wrong for everybody is given up after a few customers.
            customers = SAME_IN_A_ROW + IN_LINE
            assert self._strike.strikes <= self._campaign.form.patience.attempts * customers

    def _check(self, result, sent, crm_before):
        """Whatever the run did, what it says of it is true."""
        assert "Traceback" not in result.err, result.err
        summary, crm = result.json, self._shop.crm()
        changed = {each for each in crm if crm[each] != crm_before.get(each)}
        outcomes = summary["outcomes"]
        assert summary["calls"]["made"] == sent
        assert summary["calls"]["cycle_used_by_us"] == self._sent
        assert summary["dead_letters"] == summary["events"]["invalid"] == 0
        assert summary["customers"]["gone"] == summary["pending"] == 0
        assert summary["events"]["new"] == len(changed)
        assert outcomes["removed"] + outcomes["assignment_not_found"] == len(changed)
        assert changed <= self._ended().keys()
        assert self._who_was_read_is_read()
        if result.code == 0:
            assert summary["customers"]["left"] == summary["customers"]["failed"] == 0
            assert self._told() == self._ended()
        if result.code == 75:
            assert summary["resume_after"] > summary["finished_at"]

    def _ended(self):
        """The truth: by holder, when the assignment ended and which event says so."""
        truth = self._shop.world.truth.values()
        ended = [row for row in truth if row.status == "unassigned"]
        return {row.holder_id: (row.unassigned_at, row.event_id) for row in ended}

    def _told(self):
        """What the CRM believes, in the same words."""
        rows = [row for row in self._shop.crm().values() if row.status == "unassigned"]
        return {row.holder_id: (row.unassigned_at, row.unassigned_event_id) for row in rows}

    def _who_was_read_is_read(self):
        """Tell whether all that ended, of who counts as read up to now, is in the ledger."""
        people = self._shop.ledger(
            "SELECT customer_id FROM customers WHERE asked_at IS NOT NULL AND cursor IS NOT NULL"
        )
        known = {row[0] for row in self._shop.ledger("SELECT holder_id FROM unassignments")}
        read = {row[0] for row in people}
        truth = self._shop.world.truth
        # What happened after the fault is for the runs that find it.
        return all(
            each in known or at > self._campaign.clock.now() - timedelta(hours=1)
            for each, (at, _) in self._ended().items()
            if truth[each].customer_id in read
        )


def words(result):
    """Say in the words of the table how a run ended."""
    summary = result.json
    if result.code == 0:
        return "0 again" if summary["calls"]["retried"] else "0"
    if result.code == 69:
        return "69 failed" if summary["customers"]["failed"] else "69 left"
    return {70: "70 ended", 75: "75 parked"}[result.code]


def play(campaign, shop, wrong, call, *, once):
    """Play one cell; give how the run under the fault ended, and the cell."""
    cell = Cell(campaign, shop, Strike(wrong.strike, call, once))
    campaign.longest_call = 0.0
    result = cell.run_under_it()
    assert cell.run_until_quiet().code == 0
    return result, cell
