"""`Playground`: a world, its rules, and a server on loopback that shows it.

Contract: safe for many threads. The world is an immutable snapshot; a change swaps it as a
whole, so a call sees all of a change or nothing of it. Every call is counted before its answer
goes out, so whoever has read an answer finds it in `counters()`.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

from sync.playground import changes
from sync.playground.api import Request, Rules
from sync.playground.desk import Counters, Desk, Reply
from sync.playground.dice import Dice, to_milliseconds
from sync.playground.generate import make_world
from sync.playground.limits import Policy
from sync.playground.listings import RoleFilter, UnknownType
from sync.playground.sockets import LoopbackServer
from sync.playground.values import Customer, HolderTruth, Voucher
from sync.playground.world import World


def _local_time() -> datetime:
    return datetime.now(UTC)


class Playground:
    """A local Voucherify for demonstrations and tests; a context manager that starts and stops.

    Args:
        customers: How many customers List Customers shows, 0 or more.
        seed: What the world and the keys follow from.
        port: Where to listen on loopback; 0 for any free port.
        now: The playground's clock, aware. Its value at construction is the world's instant.
        rate_limit: Calls in a window, and the window.
        cycle_quota: Calls in the billing cycle; None for no end.
        retry_after: Whether a 429 by the rate says `Retry-After`.
        faults: A fault script, see `faults.py`.
        latency: Seconds that every answer takes longer.
        unknown_type: Whether the `type` filter answers 400 to a type that it does not document,
            or an empty list: both are possible at Voucherify.
        role_filter: Whether holders can be filtered by their role, or the filter is ignored, or
            answered with 400: it is documented, and its form is not.

    Raises:
        ValueError: a value is out of its range, or the fault script has a mistake.
    """

    def __init__(
        self,
        *,
        customers: int = 500,
        seed: int = 1,
        port: int = 0,
        now: Callable[[], datetime] = _local_time,
        rate_limit: tuple[int, Literal["minute", "hour"]] = (100_000, "minute"),
        cycle_quota: int | None = None,
        retry_after: bool = True,
        faults: str = "",
        latency: float = 0.0,
        unknown_type: UnknownType = "error",
        role_filter: RoleFilter = "works",
    ) -> None:
        keys = Dice(f"keys {seed}")
        self.app_id = keys.uuid()
        self.app_token = keys.uuid()
        self._clock = now
        self._port = port
        self._world = make_world(seed, customers, now())
        self._dice = Dice(f"changes {seed}")
        self._desk = Desk(
            Rules(self.app_id, self.app_token, unknown_type, role_filter),
            Policy(*rate_limit, cycle_quota=cycle_quota, retry_after=retry_after),
            Dice(f"calls {seed}"),
            latency,
        )
        self._desk.set_faults(faults)
        self._change = threading.Lock()
        self._stopped = threading.Event()
        self._server: LoopbackServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and serve in the background; returns at once. A second call does nothing.

        Raises:
            OSError: the port is taken.
        """
        if self._server is None:
            self._stopped.clear()
            self._server = LoopbackServer(self._port, self._respond)
            self._server.start()

    def stop(self) -> None:
        """End all connections and close all sockets, within a second. May be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        self._stopped.set()

    def wait(self) -> None:
        """Block until somebody calls `stop`; a KeyboardInterrupt passes through."""
        self._stopped.wait()

    @property
    def base_url(self) -> str:
        """Where the playground listens, such as `http://127.0.0.1:8000`.

        Raises:
            RuntimeError: it isn't started.
        """
        if self._server is None:
            message = "the playground isn't started"
            raise RuntimeError(message)
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def world(self) -> World:
        """The world as it is now; a later change makes another one."""
        return self._world

    def counters(self) -> Counters:
        """The calls so far."""
        return self._desk.counters()

    def set_faults(self, script: str) -> None:
        """Replace the fault script (see `faults.py`); counting begins anew. "" ends all faults.

        Raises:
            ValueError: a line is no rule; the old script stays.
        """
        self._desk.set_faults(script)

    def begin_cycle(self, quota: int | None = None) -> None:
        """Begin a new billing cycle with this quota; None for no end."""
        self._desk.begin_cycle(quota)

    def unassign(self, holder_id: str, at: datetime | None = None) -> HolderTruth:
        """End an assignment by a valid event, now or at `at`; the truth follows.

        Raises:
            KeyError: no such holder, or the customer or the code is deleted.
            ValueError: `at` is more than a second before the assignment.
        """
        with self._change:
            self._world = changes.with_unassignment(
                self._world, self._dice, holder_id, self._at(at)
            )
            return self._world.truth[holder_id]

    def assign(self, customer_id: str, voucher_id: str, at: datetime | None = None) -> HolderTruth:
        """Assign a code under a new holder id, with its event; the CRM learns nothing of it.

        Raises:
            KeyError: no such customer or voucher.
        """
        with self._change:
            self._world, holder = changes.with_assignment(
                self._world, self._dice, customer_id, voucher_id, self._at(at)
            )
            return holder

    def add_event(self, customer_id: str, item: Mapping[str, Any]) -> None:
        """Put a raw item on a list, at its `created_at` if it has one; no truth changes.

        An item may be late, broken or somebody else's: the caller knows what it means.

        Raises:
            KeyError: no such customer.
            ValueError: the item has no id.
        """
        with self._change:
            self._world = changes.with_item(self._world, customer_id, dict(item), self._at(None))

    def delete_customer(self, customer_id: str) -> None:
        """Delete a customer and the list; from now on 404. The truth stays as it was.

        Raises:
            KeyError: no such customer.
        """
        with self._change:
            self._world = changes.without_customer(self._world, customer_id)

    def delete_voucher(self, voucher_id: str) -> None:
        """Delete a code: from now on 404, and no event tells those who held it.

        The truth stays as it was; who lost it is in `world.vanished`.

        Raises:
            KeyError: no such code.
        """
        with self._change:
            self._world = changes.without_vouchers(self._world, {voucher_id})

    def delete_campaign(self, campaign_id: str) -> None:
        """Delete a campaign with all its codes, as `delete_voucher` deletes each.

        Raises:
            KeyError: no code is of this campaign.
        """
        with self._change:
            self._world = changes.without_campaign(self._world, campaign_id)

    def vanish(self, holder_id: str) -> None:
        """End an assignment without any event; the truth stays, `world.vanished` has the id.

        Raises:
            KeyError: no such holder, or nobody holds it now.
        """
        with self._change:
            self._world = changes.with_vanished(self._world, holder_id)

    def add_code(self, owner_id: str, campaign_id: str, at: datetime | None = None) -> Voucher:
        """Make a code, now or at `at`, in a campaign; a referral code's owner is its REFERRER.

        Raises:
            KeyError: no such customer, or no code is of this campaign.
        """
        with self._change:
            self._world, voucher = changes.with_new_voucher(
                self._world, self._dice, owner_id, campaign_id, self._at(at)
            )
            return voucher

    def add_customer(self) -> Customer:
        """Add one customer, created now."""
        return self.add_customers_at(self._at(None), 1)[0]

    def add_customers_at(self, instant: datetime, count: int) -> tuple[Customer, ...]:
        """Add `count` customers that share one creation instant, as a bulk import makes them."""
        with self._change:
            self._world, added = changes.with_new_customers(
                self._world, self._dice, self._at(instant), count
            )
            return added

    def _at(self, instant: datetime | None) -> datetime:
        return to_milliseconds(instant or self._clock())

    def _respond(self, request: Request) -> Reply:
        return self._desk.respond(request, self._world, self._clock().astimezone(UTC))
