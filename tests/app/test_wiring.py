"""What holds of the parts of a job once it has ended, and of what is asked without one."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from sync import app
from sync.cli.progress import QuietWatch
from sync.errors import ParkError
from sync.model.window import Window
from sync.operate.stopping import Stop
from sync.settings import load


@pytest.fixture
def ready(homeless):
    settings = {
        "VOUCHERIFY_BASE_URL": "http://127.0.0.1:9",
        "VOUCHERIFY_APP_ID": "app",
        "VOUCHERIFY_APP_TOKEN": "secret",
    }
    ready = app.configure(load(None, environ=homeless.settings | settings))
    with closing(ready.adapter):
        yield ready


def test_after_a_job_nothing_of_it_is_fetched_counted_or_stored(ready):
    start, stop = app.new_start(ready, "run"), Stop()
    with app.for_real(ready, "run") as ground:
        with app.assembled(ready, ground, start, stop, QuietWatch(stop)) as parts:
            assert parts.executor.submit(str, 1).result(10) == "1"
        before = app.spent_on(ready, ground.ledger)

        assert isinstance(parts.executor.submit(str).exception(0), ParkError)
        with pytest.raises(ParkError):
            parts.reader.fetch("cust_1", Window(datetime.now(UTC)), None)
        assert app.spent_on(ready, ground.ledger) == before


def test_what_was_spent_is_known_without_a_client(ready):
    with app.for_real(ready, "run") as ground:
        with app.voucherify(ready, ground.ledger, Stop()) as project:
            spent = project.meter.spent()

        assert app.spent_on(ready, ground.ledger) == spent
        assert (spent.used, spent.left) == (0, 1_000_000)
        assert spent.cycle_start <= datetime.now(UTC).date()
