"""What the tests of the Voucherify side share: the vendor's event, and a client with answers."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import responses as responses_library

from sync.model.patience import Patience
from sync.model.unassignment import CustomerId
from sync.model.window import Window
from sync.transport import Transport
from sync.voucherify.client import VoucherifyClient, credentials
from sync.voucherify.wire import Asked

EXAMPLE = json.loads((Path(__file__).parent / "holder-assignment-deleted.json").read_text())
DELETED = "customer.holder.assignment.deleted"
FRIEND = "cust_B4WY60nNA1HcAnJj6lnW57a7"
"""The person of the vendor's example."""
DATE = "Thu, 01 Aug 2024 12:00:00 GMT"
SERVER_TIME = datetime(2024, 8, 1, 12, tzinfo=UTC)
NEXT_CYCLE = datetime(2024, 9, 1, tzinfo=UTC)
BASE_URL = "https://api.example.test"
TOKEN = "f0a1b2c3-1111-4222-8333-944455556666"


def make_event(**changes):
    """The vendor's example as an item of the activity; `__` in a name goes one object deeper."""
    event = {
        "id": "evcus_0f2143d2a4d51eefeb",
        "type": DELETED,
        "data": copy.deepcopy(EXAMPLE),
        "created_at": "2024-08-01T10:00:00.500Z",
        "group_id": "v-0f2143d2a4d51eefec",
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        inside = event["data"] if path.split("__")[0] in EXAMPLE else event
        for name in parents:
            inside = inside[name]
        if value is ...:
            del inside[last]
        else:
            inside[last] = value
    return event


@pytest.fixture(scope="session")
def event():
    """Make the example's event: `event(holder__id=…)` changes a field, `...` deletes it."""
    return make_event


@pytest.fixture(scope="session")
def asked():
    """Make a question about the example's friend; each field can be named."""

    def make(**changes):
        fields = {
            "customer_id": CustomerId(FRIEND),
            "window": Window(datetime(2024, 7, 1, tzinfo=UTC)),
            "server_time": SERVER_TIME,
        }
        return Asked(**(fields | changes))

    return make


class FakePacer:
    """Lets every call start at once; notes what it is told."""

    def __init__(self):
        self.seen = []
        self.cycle_refused = False

    def reserve(self):
        return 0.0

    def start(self, _slot):
        return 0.0

    def end(self, *, started):
        pass

    def observe(self, seen):
        self.seen.append(seen)

    def refuse_cycle(self):
        self.cycle_refused = True
        return NEXT_CYCLE


class Project:
    """A client on a real transport whose requests `responses` answers."""

    def __init__(self, http):
        self.http = http
        self.pacer = FakePacer()
        self.waits = []
        self.transport = Transport(
            headers=credentials("app-1", TOKEN),
            pacer=self.pacer,
            patience=Patience(),
            wait=self.waits.append,
            random=Random(1),
        )
        self.client = VoucherifyClient(
            self.transport, base_url=BASE_URL, pacer=self.pacer, max_wait=timedelta(seconds=60)
        )

    def answers(self, body, *, status=200, path="/v1/customers", times=1, **headers):
        """Answer the next request; a header's `_` stands for `-`, and None leaves it out."""
        told = {"Date": DATE} | {name.replace("_", "-"): text for name, text in headers.items()}
        for _ in range(times):
            self.http.add(
                "GET",
                BASE_URL + path,
                body=body if isinstance(body, (str, bytes)) else json.dumps(body),
                status=status,
                headers={name: text for name, text in told.items() if text is not None},
            )

    def get(self, *path, params=()):
        return self.client.get(path or ("customers",), params)

    @property
    def requests(self):
        return [call.request for call in self.http.calls]


@pytest.fixture
def project():
    with responses_library.RequestsMock(
        assert_all_requests_are_fired=True,
        registry=responses_library.registries.OrderedRegistry,
    ) as http:
        project = Project(http)
        yield project
        project.transport.close()
