"""What must hold at every moment, not only after a night: watched while the tool is at work."""

from collections import Counter, defaultdict
from datetime import timedelta
from email.utils import parsedate_to_datetime
from math import ceil

from sync.model.outcome import FINAL

EPSILON = 0.001


class BrokenPromise(BaseException):
    """A rule that does not hold, and what shows it; the tool must not be able to catch it."""

    def __init__(self, rule, evidence):
        super().__init__(f"{rule}: {evidence}")
        self.rule = rule


def require(holds, rule, evidence=""):
    if not holds:
        raise BrokenPromise(rule, evidence() if callable(evidence) else evidence)


class Promises:
    """Looks on at calls, at the ledger's commits and at what the CRM is told."""

    def __init__(self, clock, settings):
        self._clock = clock
        self._reserve = settings.reserve
        self._share = settings.share
        self.sight = None
        self.calls = 0
        self._counted_before = 0
        self._budget = None
        self._silent_until = defaultdict(float)
        self._stopped = {}
        self._telling = None
        self._known_then = set()
        self._asked = set()
        self._not_told = set()
        self._showed = defaultdict(set)
        self._showed_all = set()
        self.answers = defaultdict(list)
        self.told_by = Counter()
        self.refused = Counter()
        self.held = Counter()
        self.forgotten = set()

    # Calls

    def calling(self, process):
        """A process is about to send a request."""
        why = self._stopped.get(process)
        require(why is None, "no call is started after a refusal was read", f"{process}, {why}")
        wait = self._silent_until[process] - self._clock.monotonic()
        require(
            wait <= EPSILON,
            "the reserve of the rate limit is left to the shop",
            f"{process} calls {wait:.3f} s before the window ends",
        )
        self.calls += 1
        counted = self._counted_before + (self._budget.used if self._budget else 0)
        require(
            self.calls <= counted,
            "every call is counted before it is sent",
            f"{self.calls} calls, {counted} counted",
        )

    def answered(self, process, answer):
        """A process is about to read an answer."""
        headers = answer.headers
        if answer.status == 401:
            self.refused[process] += 1
            self._stopped[process] = "the key"
        elif answer.status == 402 or headers.get("X-Rate-Limit-Type") == "api_calls_cycle":
            self._stopped[process] = "the cycle"
        elif self._is_reserve_reached(answer):
            wait = _told_wait(headers)
            self._silent_until[process] = self._clock.monotonic() + wait

    def _was_there(self, assignment):
        return assignment.began.seen_from <= self._telling.began_at

    def _is_reserve_reached(self, answer):
        if answer.status == 429:
            return True
        limit = int(answer.headers["X-Rate-Limit-Limit"])
        return int(answer.headers["X-Rate-Limit-Remaining"]) <= self._reserve.of(limit)

    def counted(self):
        """The ledger was committed: see that its own count keeps our share."""
        row, before = self.sight.budget(), self._budget
        if row is None or row == before:
            return
        is_new_cycle = before is not None and row.cycle_start != before.cycle_start
        if is_new_cycle and row.used_before_day == 0:
            self._counted_before += before.used
        self._budget = row
        require(
            row.used <= self._share.calls_per_cycle,
            "no more than our share of the cycle is used",
            row,
        )
        # Reckoned here once more: what is to be proven can't be the proof.
        first_of_next = (row.day.replace(day=1) + timedelta(days=32)).replace(day=1)
        left = max(0, self._share.calls_per_cycle - row.used_before_day)
        todays = ceil(left / (first_of_next - row.day).days)
        today = row.used - row.used_before_day
        require(today <= todays, "no more than a day's share is used", row)

    # The CRM

    def telling(self, process, batch):
        """A process is about to tell the CRM."""
        require(
            self._telling is None or self._telling.is_dead,
            "one process at a time tells the CRM",
            f"{process} beside {self._telling}",
        )
        self._telling = process
        self._known_then = set(self.sight.assignments())
        for each in batch:
            newer = self.sight.newer_than(each)
            require(
                not newer or each.superseded_by in newer,
                "a newer assignment that the ledger knows is told with the end of an older one",
                f"{each.holder_id} without {newer}",
            )
        self._asked, self._not_told = set(), set()
        self._showed.clear()
        self._showed_all.clear()

    def showed(self, customer_id, body):
        """Voucherify told what a customer holds now, in an answer that can be read."""
        self._showed[customer_id] |= {row["id"] for row in body.get("data", ())}
        if not body.get("has_more"):
            self._showed_all.add(customer_id)

    def asked(self, customer_ids, not_known):
        """The CRM's adapter asked what customers hold now; the tool says about whom it can't tell.

        Of these it tells its operator.
        """
        self._asked |= customer_ids
        self._not_told |= customer_ids & not_known
        for customer_id in sorted(customer_ids):
            self.held["not to be had" if customer_id in not_known else "asked"] += 1
            require(
                customer_id in self._showed_all | not_known,
                "what is held now was asked, or it is told that it could not be",
                customer_id,
            )

    def told(self, process, destination, batch, outcomes):
        """The CRM answered, and the process reads it."""
        self._telling = None
        for unassignment, outcome in zip(batch, outcomes, strict=True):
            self.told_by[process] += 1
            require(
                unassignment.customer_id not in self.forgotten,
                "nobody is told of a person who was forgotten",
                unassignment.customer_id,
            )
            key = (destination, unassignment.holder_id, unassignment.event_id)
            before = [
                earlier
                for earlier, result in self.answers[key]
                if result in FINAL and not earlier.is_dead and not earlier.unmarked
            ]
            require(
                not before,
                "the CRM is told once, unless a kill came between",
                f"{key} by {before} and by {process}",
            )
            self.answers[key].append((process, outcome.result))

    def stopped_telling(self):
        """The CRM's adapter raised."""
        self._telling = None

    def clearing(self, contact, *, shows_id):
        """A slot is about to be emptied."""
        require(
            shows_id or contact.customer_id in self._asked,
            "nothing is cleared by its code before it was asked what is held now",
            contact.customer_id,
        )
        shown = contact.shows
        if shown is None or not shown.stands:
            return
        # A code alone doesn't tell an assignment from a newer one with the same code. What the
        # ledger knew when the batch was made up wins in any case, and so does what Voucherify
        # showed since. Only what began after that, or where it showed nothing, may be lost.
        could_know = (
            shows_id
            or shown.holder_id in self._known_then
            or shown.holder_id in self._showed[contact.customer_id]
            or (self._was_there(shown) and contact.customer_id not in self._not_told)
        )
        require(
            not could_know,
            "a newer assignment wins",
            f"{contact.customer_id} held {shown} ({shown.voucher.code}) when it was cleared",
        )
        self.held["lost"] += 1


def _told_wait(headers):
    if "Retry-After" in headers:
        return float(headers["Retry-After"])
    if "X-Rate-Limit-Retry" in headers and "Date" in headers:
        date = parsedate_to_datetime(headers["Date"])
        return max(0.0, float(headers["X-Rate-Limit-Retry"]) - date.timestamp())
    return 0.0
