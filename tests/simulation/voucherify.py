"""The fake Voucherify: it answers requests with the vendor's JSON, status codes and rate headers.

Source: Voucherify documentation, "List Customer Activity", "List Customer's Redeemables", "List
Customers", "API limits" and "Errors".
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote

from tests.simulation import payloads


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict
    body: bytes


@dataclass(slots=True)
class Limits:
    """The plan: calls per window of so many seconds, shared with the shop's own calls.

    `used_up_until` is when a used-up billing cycle ends; `key_refused` whether the key is void.
    """

    calls: int
    seconds: int
    window: int = 0
    used: int = 0
    used_up_until: datetime | None = None
    key_refused: bool = False

    def takes(self, true_now):
        """Count one call; tell whether it is within the limit."""
        window = int(true_now.timestamp()) // self.seconds
        if window != self.window:
            self.window, self.used = window, 0
        self.used += 1
        return self.used <= self.calls

    @property
    def left(self):
        return max(0, self.calls - self.used)

    @property
    def next_window(self):
        """When it begins, as an epoch in seconds."""
        return (self.window + 1) * self.seconds


class Voucherify:
    """Answers for one world; a page holds no more than `page_size` of what was asked for."""

    def __init__(self, clock, world, limits, *, page_size):
        self._clock = clock
        self._world = world
        self.limits = limits
        self.page_size = page_size
        self.calls = 0

    def answers(self, path, query):
        """Answer a GET request; every request that gets here counts."""
        self.calls += 1
        if (refusal := self._refusal()) is not None:
            return refusal
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["v1", "customers"]:
                return self._customers(query)
            case ["v1", "customers", customer_id, "activity"]:
                return self._activity(customer_id, query)
            case ["v1", "customers", customer_id, "redeemables"]:
                return self._redeemables(customer_id, query)
        return self.says(404, payloads.refusal(404, "not_found"))

    def _refusal(self):
        """Count a call, and refuse it if the key or a limit does."""
        within = self.limits.takes(self._clock.true)
        if self.limits.key_refused:
            return self.says(401, payloads.refusal(401, "unauthorized"))
        if self.limits.used_up_until and self._clock.true < self.limits.used_up_until:
            return self._cycle_used_up()
        return None if within else self.too_many()

    def shop_calls(self, number):
        """The shop's own calls use up the same limit."""
        for _ in range(number):
            self.limits.takes(self._clock.true)

    def says(self, status, body, **headers):
        """Wrap a body with the headers that every answer carries; None leaves one out."""
        always = {
            "Date": format_datetime(self._clock.true.replace(microsecond=0), usegmt=True),
            "Content-Type": "application/json",
            "X-Rate-Limit-Limit": str(self.limits.calls),
            "X-Rate-Limit-Remaining": str(self.limits.left),
            "X-Rate-Limit-Retry": str(self.limits.next_window),
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        told = {name: value for name, value in (always | named).items() if value is not None}
        return Answer(status, told, body.encode())

    def too_many(self, *, told_when=True):
        """Refuse one call over the rate limit."""
        seconds = self.limits.next_window - int(self._clock.true.timestamp())
        return self.says(
            429,
            payloads.refusal(429, "too_many_requests"),
            X_Rate_Limit_Remaining="0",
            X_Rate_Limit_Type="api_calls",
            Retry_After=str(seconds) if told_when else None,
            **({} if told_when else {"X_Rate_Limit_Retry": None}),
        )

    def _cycle_used_up(self):
        if self.limits.used % 2:
            return self.says(402, payloads.refusal(402, "plan_exceeded"))
        body = payloads.refusal(429, "too_many_requests")
        return self.says(429, body, X_Rate_Limit_Type="api_calls_cycle")

    def _customers(self, query):
        after = query.get("starting_after")
        rows = [
            each
            for each in self._world.customers.values()
            if each.is_listed(self._clock.true)
            and (after is None or payloads.stamp(each.created_at) > after)
        ]
        rows.sort(key=lambda each: (each.created_at, each.id))
        size = min(int(query["limit"]), self.page_size)
        begin = (int(query.get("page", "1")) - 1) * size
        texts = ",".join(payloads.customer_row(each) for each in rows[begin : begin + size])
        more = "true" if begin + size < len(rows) else "false"
        head = f'{{"object":"list","data_ref":"customers","total":{len(rows)},"has_more":{more}'
        return self.says(200, f'{head},"customers":[{texts}]}}')

    def _activity(self, customer_id, query):
        customer = self._world.customers.get(customer_id)
        if customer is None or not customer.is_here(self._clock.true):
            return self.says(404, payloads.refusal(404, "not_found", customer_id))
        seen = [each for each in customer.events if each.seen_from <= self._clock.true]
        after = query.get("starting_after_id")
        if after is not None:
            places = [place for place, each in enumerate(seen) if each.id == after]
            if not places:
                return self.says(400, payloads.refusal(400, "invalid_query_params"))
            seen = seen[places[0] + 1 :]
        return self._page(_within(seen, query), min(int(query["limit"]), self.page_size))

    def _redeemables(self, customer_id, query):
        customer = self._world.customers.get(customer_id)
        if customer is None or not customer.is_here(self._clock.true):
            return self.says(404, payloads.refusal(404, "not_found", customer_id))
        held = sorted(self._world.held_by(customer), key=lambda each: each.holder_id, reverse=True)
        if after := query.get("starting_after_id"):
            held = [each for each in held if each.holder_id < after]
        size = min(int(query["limit"]), self.page_size)
        page = held[:size]
        texts = ",".join(payloads.redeemable_row(each) for each in page)
        if len(held) <= size:
            return self.says(200, _list(texts, '"has_more":false'))
        more = f'"has_more":true,"more_starting_after":"{page[-1].holder_id}"'
        return self.says(200, _list(texts, more))

    def _page(self, events, size):
        page = events[:size]
        texts = ",".join(each.text for each in _with_repeats(page))
        if len(events) <= size:
            return self.says(200, _list(texts, '"has_more":false'))
        more = f'"has_more":true,"more_starting_after":"{page[-1].id}"'
        return self.says(200, _list(texts, more))


def _within(events, query):
    """Keep what lies between the dates; both are inclusive here."""
    since, until = query.get("start_date", ""), query.get("end_date", "9")
    return [each for each in events if since <= payloads.stamp(each.at) <= until]


def _with_repeats(events):
    for each in events:
        yield each
        if each.repeated:
            yield each


def _list(texts, more):
    return f'{{"object":"list","data_ref":"data",{more},"data":[{texts}]}}'
