"""The tool's commands as the simulation gives them: what `sync.cli` does, without the printing."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from sync.app.configured import Configured
from sync.app.ground import alone, for_real, on_a_copy, open_ledger
from sync.app.wiring import assembled
from sync.cli.progress import QuietWatch
from sync.errors import HoldersyncError
from sync.jobs.backfill import backfill
from sync.jobs.letters import RetryRules, retry
from sync.jobs.run import run
from sync.ledger.destinations import adopt
from sync.ledger.forgotten import forget
from sync.ledger.inbox import store
from sync.ledger.letters import discard, open_letters
from sync.ledger.runs import RunStart
from sync.voucherify.webhook import MalformedError, read_webhook
from tests.simulation.kills import Killed, Process
from tests.simulation.promises import BrokenPromise
from tests.simulation.surroundings import VirtualStop


class Told:
    """A destination that is overheard, and before and after which a process may be killed."""

    def __init__(self, adapter, universe):
        self._adapter = adapter
        self._universe = universe
        self.destination = adapter.destination
        self.place = adapter.place
        self.capabilities = adapter.capabilities

    def check(self):
        self._adapter.check()

    def ask_by(self, held):
        """Let the adapter ask, and overhear what it is told."""
        promises = self._universe.promises

        def overheard(batch):
            known = held(batch)
            promises.asked({each.customer_id for each in batch}, held._unknown)
            return known

        self._adapter.ask_by(overheard)

    def unassign(self, batch):
        machine, promises = self._universe.machine, self._universe.promises
        promises.telling(machine.current, batch)
        machine.point("before told")
        try:
            outcomes = self._adapter.unassign(batch)
        except Exception:
            promises.stopped_telling()
            raise
        promises.told(machine.current, self.destination, batch, outcomes)
        for each, outcome in zip(batch, outcomes, strict=True):
            name = self.destination.split("-")[0]
            machine.tells(f"  {name}, {each.holder_id}: {outcome.result.value}")
        machine.point("after told")
        return outcomes

    def close(self):
        self._adapter.close()


@dataclass
class Ended:
    """How a command ended: with an exit code, or killed at a point.

    `stored` are the webhooks that were answered with 200, each with the true time.
    """

    process: Process
    kind: str
    destination: str
    began_at: datetime
    code: int | None = None
    report: object = None
    killed: str | None = None
    longest_wait: float = 0.0
    allow: int | None = None
    customer: object = None
    window: object = None
    stored: list = field(default_factory=list)

    def __repr__(self):
        how = f"killed {self.killed}" if self.killed else f"exit {self.code}"
        return f"{self.process} to {self.destination}: {how}"


class Command:
    """One command in a process of its own; call it once, on the machine's stage."""

    def __init__(
        self,
        universe,
        kind,
        destination,
        *,
        window=None,
        allow=None,
        since=None,
        customer=None,
        hooks=(),
    ):
        self.universe = universe
        self.process = Process(f"{kind}-{universe.next_number()}")
        self.ended = Ended(self.process, kind, destination, universe.clock.true)
        self._stop = VirtualStop(universe.machine)
        self.ended.window, self.ended.allow = window, allow
        self.ended.customer = customer
        self._since = since
        self._hooks = hooks

    def __call__(self):
        ended, around = self.ended, self.universe.around
        ended.began_at = self.process.began_at = self.universe.clock.true
        self.process.on_signal = self._stop.ask
        try:
            ended.code = self._does()
        except BrokenPromise:
            raise
        except HoldersyncError as error:
            ended.code = error.exit_code
            self.universe.machine.tells(f"{self.process}: {type(error).__name__}", str(error))
        except Killed:
            ended.killed = self.process.died_at
        except Exception as error:
            if not self.process.is_dead:
                rule = "only a bug raises"
                raise BrokenPromise(rule, f"{self.process}: {error!r}") from error
            ended.killed = self.process.died_at
        finally:
            ended.longest_wait = self._stop.longest_wait
            self.process.is_buried()
            around.engines.come_back(self.process)
        self.universe.machine.tells(repr(ended))

    def to_be_sent_again(self):
        """Give the webhooks that were not answered."""
        if self.ended.code == 0:
            return []
        stored = [each for each, _ in self.ended.stored]
        return [each for each in self._hooks if each not in stored]

    def _does(self):
        does = {
            "run": self._reads,
            "backfill": self._reads,
            "rehearsal": self._rehearses,
            "retry": self._retries,
            "discard": self._discards,
            "adopt": self._adopts,
            "forget": self._forgets,
            "receive": self._receives,
        }
        with closing(self.universe.adapter(self.ended.destination)) as adapter:
            ready = Configured(
                loaded=self.universe.loaded,
                adapter=Told(adapter, self.universe),
                warnings=(),
                at_most=self.ended.allow,
            )
            return does[self.ended.kind](ready)

    def _start(self, ready, kind):
        return RunStart(
            run_id=self.process.name,
            kind=kind,
            host="simulated",
            pid=1,
            destination=ready.adapter.destination,
            started_at=self.universe.clock.now(),
        )

    def _rehearses(self, ready):
        start, stop = self._start(ready, "run"), self._stop
        with (
            on_a_copy(ready) as ground,
            assembled(ready, ground, start, stop, QuietWatch(stop)) as parts,
        ):
            self.ended.report = run(parts, self.universe.source)
        return self.ended.report.exit_code

    def _reads(self, ready):
        start = self._start(ready, self.ended.kind)
        stop, source = self._stop, self.universe.source
        with (
            for_real(ready, self.ended.kind) as ground,
            self._alone(),
            assembled(ready, ground, start, stop, QuietWatch(stop)) as parts,
        ):
            if self.ended.kind == "run":
                self.ended.report = run(parts, source)
            else:
                self.ended.report = backfill(parts, self.ended.window, source)
        return self.ended.report.exit_code

    def _alone(self):
        return self.universe.alone(self.process, self.ended.kind)

    def _retries(self, ready):
        settings = ready.settings
        rules = RetryRules(settings.validation == "lenient", settings.on_customer_gone)
        with closing(open_ledger(ready)) as ledger:
            letters = open_letters(ledger)
            retry(ledger, letters, rules, self.process.name, self.universe.clock.now)
        return 0

    def _discards(self, ready):
        """Close what can't be understood; what can't be delivered waits for the CRM's people."""
        with closing(open_ledger(ready)) as ledger:
            letters = [each.number for each in open_letters(ledger) if each.kind == "event"]
            discard(ledger, letters, self.universe.clock.now())
        return 0

    def _forgets(self, ready):
        who, drop = self.ended.customer.id, bool(self.ended.allow)
        with alone(ready) as ledger:
            forget(ledger, who, self.universe.clock.now(), drop_pending=drop)
        return 0

    def _receives(self, ready):
        """Take webhooks as the receiver does; one that is refused is not sent again."""
        clock = self.universe.clock
        with closing(open_ledger(ready)) as ledger:
            for each in self._hooks:
                try:
                    received = read_webhook(each.body.encode(), clock.now())
                except MalformedError:
                    self.universe.counts["webhooks refused"] += 1
                    continue
                store(ledger, [received], clock.now())
                self.ended.stored.append((each, clock.true))
        return 0

    def _adopts(self, ready):
        with closing(open_ledger(ready)) as ledger:
            adopt(ledger, ready.adapter.destination, self._since, self.universe.clock.now())
        return 0
