"""One running playground for the tests that only read, with its clock stopped."""

from datetime import UTC, datetime

import pytest
import requests

from sync.playground import Playground

NOW = datetime(2026, 11, 20, 12, 0, 30, 500_000, tzinfo=UTC)


class Client:
    """Calls a playground with the right keys."""

    def __init__(self, playground):
        self.playground = playground
        self.session = requests.Session()
        self.session.headers.update(
            {"X-App-Id": playground.app_id, "X-App-Token": playground.app_token}
        )

    def get(self, path, **params):
        return self.session.get(self.playground.base_url + path, params=params, timeout=5)

    def pages(self, path, **params):
        """All pages of a list that is paged by `more_starting_after`."""
        while True:
            page = self.get(path, **params).json()
            yield page
            if not page["has_more"]:
                return
            params["starting_after_id"] = page["more_starting_after"]


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def playground():
    with Playground(customers=150, seed=7, now=lambda: NOW) as running:
        yield running


@pytest.fixture(scope="session")
def world(playground):
    return playground.world


@pytest.fixture
def client(playground):
    made = Client(playground)
    with made.session:
        yield made


@pytest.fixture
def start():
    """Starts playgrounds of a test's own and hands out clients; stops all in the end."""
    clients = []

    def start_one(**options):
        own = Playground(**{"customers": 3, "seed": 7, "now": lambda: NOW, **options})
        own.start()
        clients.append(Client(own))
        return clients[-1]

    yield start_one
    for one in clients:
        one.session.close()
        one.playground.stop()
