"""What the campaign stands on: a process that forks, and databases of the kind asked for."""

from itertools import count

import pytest

from tests.crashes.merchant import Merchant
from tests.crashes.places import FileDatabase, ServerDatabase
from tests.crashes.runner import Runner


@pytest.fixture(scope="module")
def runner():
    with Runner() as runner:
        yield runner


@pytest.fixture
def new_merchant(tmp_path, runner, ledgers):
    """Make merchants; `crm_kind` is the kind of database that the CRM is in."""
    numbers = count(1)
    made = []

    def make(seed, crm_kind="sqlite"):
        home = tmp_path / f"shop{next(numbers)}"
        home.mkdir()
        ledger = _database(ledgers.kind, home, "ledger", ledgers)
        crm = _database(crm_kind, home, "crm", ledgers)
        merchant = Merchant(home, runner, ledger, crm, seed)
        made.append(merchant)
        return merchant

    yield make
    for merchant in made:
        merchant.close()


def _database(kind, home, name, ledgers):
    return FileDatabase(home, name) if kind == "sqlite" else ServerDatabase(ledgers, home, name)
