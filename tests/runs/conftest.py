"""What whole runs share: a clock on which nobody waits, and a proxy that sees each request."""

from contextlib import ExitStack

import pytest

from tests.faults.clock import Clock
from tests.faults.proxy import Proxy


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    clock.rule(monkeypatch)
    return clock


@pytest.fixture
def proxied(new_shop, clock):
    """Make shops on the clock, with a proxy before each playground."""
    with ExitStack() as stack:

        def make(**options):
            shop = new_shop(now=clock.now, **options)
            shop.believe()
            proxy = stack.enter_context(Proxy(clock.monotonic))
            proxy.stand_before(shop.playground)
            shop.settings["VOUCHERIFY_BASE_URL"] = proxy.url
            return shop, proxy

        yield make
