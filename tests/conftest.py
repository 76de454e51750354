"""What all tests stand on: no setting of this machine, no log handler of another test."""

import logging
import os

import pytest
import structlog
from hypothesis import settings

from sync.playground import Playground
from tests.shops import Shop

settings.register_profile(
    "house", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("house")

OURS = ("VOUCHERIFY_", "HOLDERSYNC_", "CRM_SQL_")


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch):
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def new_shop(tmp_path, capsys):
    """Make shops; each has a playground with the given options."""
    playgrounds = []

    def make(**options):
        playground = Playground(**({"customers": 50, "seed": 1} | options))
        playground.start()
        playgrounds.append(playground)
        home = tmp_path / f"shop{len(playgrounds)}"
        home.mkdir()
        return Shop(home, playground, capsys)

    yield make
    for playground in playgrounds:
        playground.stop()


@pytest.fixture
def shop(new_shop):
    shop = new_shop()
    shop.believe()
    return shop


@pytest.fixture
def homeless(tmp_path, capsys):
    """A shop without a playground, for commands that must not ask one."""
    return Shop(tmp_path, None, capsys)


@pytest.fixture
def matches_truth():
    """Give a function that compares a CRM with the truth, row by row."""

    def compare(shop, *, with_old=False):
        rows = shop.crm()
        wrong = {}
        for holder_id, truth in shop.world.truth.items():
            ended = truth.status == "unassigned" and (truth.in_window or with_old)
            expected = (
                ("unassigned", truth.unassigned_at, truth.event_id)
                if ended
                else ("assigned", None, None)
            )
            row = rows.get(holder_id)
            if row is None and not ended:
                continue
            got = row and (row.status, row.unassigned_at, row.unassigned_event_id)
            if got != expected:
                wrong[holder_id] = (expected, got)
        unknown = set(rows) - set(shop.world.truth)
        return not wrong and not unknown, wrong, unknown

    return compare
