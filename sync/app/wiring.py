"""One Voucherify project and one job, put together from settings."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from time import monotonic

from sync.app.configured import Configured, now
from sync.app.ground import Ground
from sync.app.threads import Gate, ListingAside, PagesAside
from sync.errors import NotNowError, TellUserError
from sync.jobs.codes import LookRules
from sync.jobs.collect import CollectRules
from sync.jobs.deliver import DeliveryRules
from sync.jobs.held import HeldLookup
from sync.jobs.parts import CodeParts, Parts, ReadRules
from sync.jobs.planning import PlanRules
from sync.jobs.ports import Watch
from sync.ledger.budget import Allowance, Budget, Spent
from sync.ledger.ledger import Ledger
from sync.ledger.runs import RunStart
from sync.model.patience import Patience
from sync.operate.stopping import FETCH_GRACE, Stop, stopped
from sync.settings import Settings
from sync.transport import CallCount, Transport
from sync.voucherify.activity import ActivityReader
from sync.voucherify.client import VoucherifyClient, credentials
from sync.voucherify.customers import CustomerLister
from sync.voucherify.exports import CodeExport, ExportedCodes
from sync.voucherify.holders import HolderReader
from sync.voucherify.probing import Prober
from sync.voucherify.redeemables import HoldingReader
from sync.voucherify.vouchers import CodeLister

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
    """One project, ready to be asked; after `leave` none of its calls counts or stores anything."""

    lister: CustomerLister
    reader: ActivityReader
    holdings: HoldingReader
    codes: CodeLister
    holders: HolderReader
    prober: Prober
    export: CodeExport
    meter: CallMeter
    leave: Callable[[], None]


@contextmanager
def voucherify(configured: Configured, counted_on: Ledger, stop: Stop) -> Iterator[Voucherify]:
    """Give the project that the settings name; nothing is sent yet."""
    settings = configured.settings
    budget = _budget(settings, counted_on)
    gate = Gate(budget)
    longest = settings.max_wait.total_seconds()
    transport = Transport(
        headers=credentials(settings.app_id, settings.app_token.get_secret_value()),
        pacer=gate,
        patience=Patience(total=max(Patience().total, 2 * longest)),
        wait=stop.wait,
        random=Random(),  # noqa: S311 - jitter, no secret
    )
    client = VoucherifyClient(
        transport, base_url=settings.base_url, pacer=gate, max_wait=settings.max_wait
    )
    try:
        yield Voucherify(
            lister=CustomerLister(client),
            reader=ActivityReader(client, lenient=settings.validation == "lenient"),
            holdings=HoldingReader(client),
            codes=CodeLister(client),
            holders=HolderReader(client),
            prober=Prober(client),
            export=CodeExport(client, stop.wait),
            meter=CallMeter(transport, budget),
            leave=gate.shut,
        )
    finally:
        gate.close()
        transport.close()
        # What is not given back is lost on the safe side, as after a kill.
        with suppress(NotNowError, TellUserError):
            budget.close()


def spent_on(configured: Configured, ledger: Ledger) -> Spent:
    """Give our own count of the billing cycle, from the ledger alone."""
    return _budget(configured.settings, ledger).spent()


@contextmanager
def assembled(
    configured: Configured,
    ground: Ground,
    start: RunStart,
    stop: Stop,
    watch: Watch,
    *,
    crm_executor: Executor | None = None,
) -> Iterator[Parts]:
    """Give all that a run or a backfill works with; `crm_executor` is explained by `Parts`."""
    with voucherify(configured, ground.counted_on, stop) as project:
        fetchers = stop.workers("fetch", WORKERS, FETCH_GRACE, on_leave=project.leave)
        try:
            yield Parts(
                start=start,
                ledger=ground.ledger,
                lister=ListingAside(project.lister, fetchers),
                reader=project.reader,
                executor=fetchers,
                destination=ground.destination,
                meter=project.meter,
                read_rules=read_rules(configured.settings),
                collect_rules=collect_rules(configured),
                delivery_rules=delivery_rules(configured),
                plan_rules=plan_rules(configured.settings),
                deliver_lock=ground.deliver_lock,
                watch=watch,
                now=now,
                crm_executor=crm_executor,
                held=HeldLookup(project.holdings, fetchers),
                codes=CodeParts(
                    PagesAside(project.codes, fetchers),
                    project.holders,
                    look_rules(configured),
                    _export_of(configured, project, fetchers),
                ),
            )
        finally:
            # In order, nothing is under way any more; after a mistake of ours, something may be.
            fetchers.leave(stopped())


def _export_of(
    configured: Configured, project: Voucherify, fetchers: Executor
) -> Callable[[], ExportedCodes] | None:
    """Give what exports codes, made in another thread, if the settings want that."""
    if configured.settings.codes_by == "list":
        return None
    return lambda: fetchers.submit(project.export.read).result()


def _budget(settings: Settings, counted_on: Ledger) -> Budget:
    allowance = Allowance(settings.rate, settings.reserve, settings.share, settings.max_wait)
    return Budget(counted_on, allowance, now=now, monotonic=monotonic)


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


def plan_rules(settings: Settings) -> PlanRules:
    """Give what the settings want of the plan."""
    return PlanRules(longest=settings.max_staleness, share=settings.share)


def look_rules(configured: Configured) -> LookRules:
    """Give what bounds the looks at codes."""
    return LookRules(
        in_line=IN_LINE,
        longest=configured.settings.max_staleness,
        gone_at_most=configured.at_most or 0,
    )
