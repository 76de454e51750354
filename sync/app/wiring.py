"""One Voucherify project and one job, put together from settings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import Random
from time import monotonic

from sync.app.configured import Configured, now
from sync.app.ground import Ground
from sync.jobs.collect import CollectRules
from sync.jobs.deliver import DeliveryRules
from sync.jobs.parts import Parts, ReadRules
from sync.jobs.ports import Watch
from sync.ledger.budget import Allowance, Budget, Spent
from sync.ledger.ledger import Ledger
from sync.ledger.runs import RunStart
from sync.model.patience import Patience
from sync.operate.stopping import Stop
from sync.settings import Settings
from sync.transport import CallCount, Transport
from sync.voucherify.activity import ActivityReader
from sync.voucherify.client import VoucherifyClient, credentials
from sync.voucherify.customers import CustomerLister

WORKERS = 6
"""Threads that fetch; enough to hide the latency of any rate that a plan allows."""
IN_LINE = 2 * WORKERS


@dataclass(frozen=True, slots=True)
class CallMeter:
    """Knows what this process sent, and what all have spent."""

    transport: Transport
    budget: Budget

    def count(self) -> CallCount:
        """Give the calls of this process."""
        return self.transport.count

    def spent(self) -> Spent:
        """Give our own count of the billing cycle."""
        return self.budget.spent()


@dataclass(frozen=True, slots=True)
class Voucherify:
    """One project, ready to be asked."""

    lister: CustomerLister
    reader: ActivityReader
    meter: CallMeter


@contextmanager
def voucherify(configured: Configured, counted_on: Ledger, stop: Stop) -> Iterator[Voucherify]:
    """Give the project that the settings name; nothing is sent yet."""
    settings = configured.settings
    allowance = Allowance(settings.rate, settings.reserve, settings.share, settings.max_wait)
    budget = Budget(counted_on, allowance, now=now, monotonic=monotonic)
    longest = settings.max_wait.total_seconds()
    transport = Transport(
        headers=credentials(settings.app_id, settings.app_token.get_secret_value()),
        pacer=budget,
        patience=Patience(total=max(Patience().total, 2 * longest)),
        wait=stop.wait,
        random=Random(),  # noqa: S311 - jitter, no secret
    )
    client = VoucherifyClient(
        transport, base_url=settings.base_url, pacer=budget, max_wait=settings.max_wait
    )
    with closing(budget), closing(transport):
        yield Voucherify(
            lister=CustomerLister(client),
            reader=ActivityReader(client, lenient=settings.validation == "lenient"),
            meter=CallMeter(transport, budget),
        )


@contextmanager
def assembled(
    configured: Configured, ground: Ground, start: RunStart, stop: Stop, watch: Watch
) -> Iterator[Parts]:
    """Give all that a run or a backfill works with."""
    with (
        voucherify(configured, ground.counted_on, stop) as project,
        ThreadPoolExecutor(WORKERS, thread_name_prefix="fetch") as executor,
    ):
        yield Parts(
            start=start,
            ledger=ground.ledger,
            lister=project.lister,
            reader=project.reader,
            executor=executor,
            destination=ground.destination,
            meter=project.meter,
            read_rules=read_rules(configured.settings),
            collect_rules=collect_rules(configured),
            delivery_rules=delivery_rules(configured),
            deliver_lock=ground.deliver_lock,
            watch=watch,
            now=now,
        )


def read_rules(settings: Settings) -> ReadRules:
    """Give the rules of reading that the settings name."""
    return ReadRules(lookback=settings.lookback, initial_lookback=settings.initial_lookback)


def collect_rules(configured: Configured) -> CollectRules:
    """Give what bounds a collection."""
    return CollectRules(
        in_line=IN_LINE,
        on_gone=configured.settings.on_customer_gone,
        gone_at_most=configured.at_most or 0,
    )


def delivery_rules(configured: Configured) -> DeliveryRules:
    """Give the rules of delivering: the settings, unless a person's word stands above them."""
    settings = configured.settings
    return DeliveryRules(
        at_most=configured.at_most or settings.max_unassignments,
        not_found_for=settings.not_found_for,
    )
