"""One proxy for all cells of a worker; which cells are played, and what became of them."""

import os
import re
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from sync.ledger.opening import create_or_open
from tests.faults.campaign import LONG, REAL, SHORT, Campaign, impatient
from tests.faults.clock import Clock
from tests.faults.proxy import CALLS, Proxy
from tests.faults.table import as_text, write_to_readme
from tests.faults.wrongs import WRONGS, cells_to_play


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = cells_to_play(long=metafunc.config.getoption("--long"))
        metafunc.parametrize("cell", cells, ids=[_name(*each) for each in cells])


def _name(wrong, call, once):
    fault = re.sub(r"\W+", "-", wrong.name).strip("-")
    return f"{fault}-{CALLS.index(call)}-{'once' if once else 'always'}"


class Results:
    """What was measured, by fault, kind of call, and whether the fault came once."""

    def __init__(self):
        self._words = {}
        self._figures = []
        self._longest_call = self._longest_request = 0.0

    def add(self, cell, words, summary, longest_call, longest_request):
        wrong, call, once = cell
        self._words[wrong.name, call, once] = words
        self._longest_call = max(self._longest_call, longest_call)
        self._longest_request = max(self._longest_request, longest_request)
        calls, people = summary["calls"], summary["customers"]
        self.tell(
            f"{wrong.name:42} {call:30} {'once' if once else 'always':7} {words:10} "
            f"made {calls['made']:3} retried {calls['retried']:3} 429 {calls['throttled']:3} "
            f"asked {people['asked']:3} failed {people['failed']:3} left {people['left']:3} "
            f"longest call {longest_call:6.2f} s"
        )

    def tell(self, line):
        self._figures.append(line)

    def cells(self):
        """Give the table's cells if all were measured."""
        if len(self._words) < len(cells_to_play(long=True)):
            return None
        pairs = [(wrong.name, call) for wrong in WRONGS for call in CALLS]
        return {pair: (self._words[*pair, False], self._words[*pair, True]) for pair in pairs}

    def as_text(self):
        longest = (
            f"of {len(self._words)} cells: longest call with all its attempts "
            f"{self._longest_call:.2f} s, longest request {self._longest_request:.2f} s"
        )
        table = [as_text(self.cells())] if self.cells() else []
        return "\n".join(["", *sorted(self._figures), *table, longest])


@pytest.fixture(scope="session")
def results(request):
    """Collect what was measured; told with -s, and written to the README if REWRITE says so."""
    found = Results()
    yield found
    if request.config.getoption("capture") == "no":
        print(found.as_text())  # noqa: T201 - asked for by -s
    if os.environ.get("REWRITE") and found.cells():
        write_to_readme(found.cells())


@pytest.fixture(scope="session")
def proxy():
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def fresh_ledger(tmp_path_factory):
    """A ledger that was never used; making one takes long."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with closing(create_or_open(make_url(f"sqlite:///{path}"))):
        return path


@pytest.fixture
def campaign_of(proxy, fresh_ledger, monkeypatch):
    """Make a campaign of a form that rules until the test ends."""

    def make(form):
        campaign = Campaign(form, Clock(), proxy, fresh_ledger)
        campaign.rule(monkeypatch)
        return campaign

    return make


@pytest.fixture
def campaign(campaign_of, cell, long):
    form = LONG if long else SHORT
    return campaign_of(impatient(form) if cell[0].takes_time else form)


@pytest.fixture
def campaign_as_it_is(campaign_of):
    """With the patience that the tool has outside of tests."""
    return campaign_of(REAL)
