"""What all tests stand on: no setting of this machine, no log handler of another test."""

import logging
import os
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from sync.playground import Playground
from tests.ledgers import FileLedgers, NoServerError, PrivateServer, ServerLedgers, a_server
from tests.shops import Shop

settings.register_profile(
    "house", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("house")

OURS = ("VOUCHERIFY_", "HOLDERSYNC_", "CRM_", "HUBSPOT_", "SALESFORCE_")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="campaigns in their long form")
    parser.addoption(
        "--ledger",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="the kind of database that ledgers are in; tests of one kind run with it only",
    )


def pytest_collection_modifyitems(config, items):
    is_long, kind = config.getoption("--long"), config.getoption("--ledger")
    unwanted = ["on_a_server" if kind == "sqlite" else "on_a_file"]
    unwanted += [] if is_long else ["long_only"]
    unwanted += ["slow_on_a_server"] if kind == "postgresql" and not is_long else []
    gone = [each for each in items if any(map(each.get_closest_marker, unwanted))]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [each for each in items if each not in gone]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"nothing is skipped in CI: {call.excinfo.value}"
    return report


def pytest_terminal_summary(terminalreporter):
    reports = [each for kind in terminalreporter.stats.values() for each in kind]
    told = [each.user_properties for each in reports if getattr(each, "when", None) == "call"]
    for line in dict.fromkeys(text for each in told for name, text in each if name == "told"):
        terminalreporter.write_line(line)


@pytest.fixture
def tell(request, record_property):
    """Tell a line at the end of the whole test run, in whichever process this test is."""
    return lambda text: record_property("told", f"{request.node.name}: {text}")


@pytest.fixture(scope="session")
def long(request):
    """Tell whether campaigns take their long form."""
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL whose databases are dropped in the end."""
    with ExitStack() as stack:
        try:
            url, stays = stack.enter_context(a_server())
        except NoServerError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield stack.enter_context(closing(ServerLedgers(url, stays=stays)))


@pytest.fixture(scope="session")
def free_server():
    """The URL of another PostgreSQL, which this process started for itself."""
    with closing(PrivateServer()) as other:
        yield other.url


@pytest.fixture(scope="session")
def ledgers(request, tmp_path_factory):
    """Places for ledgers, in the kind of database that `--ledger` says."""
    if request.config.getoption("--ledger") == "postgresql":
        return request.getfixturevalue("server")
    return FileLedgers(tmp_path_factory.mktemp("ledgers"))


@pytest.fixture(autouse=True, scope="session")
def _own_temporary_folder():
    # Whoever forgets a person asks whether anybody is at work on a copy of a ledger there.
    with tempfile.TemporaryDirectory(prefix="holdersync-tests-") as name:
        # As the usual one is: a server that a test starts runs as somebody else.
        Path(name).chmod(0o1777)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", name)
            patch.setattr(tempfile, "tempdir", name)
            yield


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
