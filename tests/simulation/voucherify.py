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
    `holders` is the status of every answer about who holds a code.
    """

    calls: int
    seconds: int
    window: int = 0
    used: int = 0
    used_up_until: datetime | None = None
    key_refused: bool = False
    holders: int = 200

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


ONLY_FRIENDS = "filters[holder_role][conditions][$is][0]"


class Voucherify:
    """Answers for one world; a page holds no more than `page_size` of what was asked for.

    `role_filter` is what becomes of the filter for friends among a code's holders, which is not
    proven: it "works", is "ignored", is "refused", or lets "nobody" pass.
    """

    def __init__(self, clock, world, limits, *, page_size, role_filter="works"):
        self._clock = clock
        self._world = world
        self._role_filter = role_filter
        self.limits = limits
        self.page_size = page_size
        self.calls = 0

    def answers(self, path, query):
        """Answer a GET request; every request that gets here counts."""
        self.calls += 1
        refusal = self._refusal()
        return self._routed(path, query) if refusal is None else refusal

    def _routed(self, path, query):
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["v1", "customers"]:
                return self._customers(query)
            case ["v1", "customers", customer_id, "activity"]:
                return self._activity(customer_id, query)
            case ["v1", "customers", customer_id, "redeemables"]:
                return self._redeemables(customer_id, query)
            case ["v1", "vouchers"]:
                return self._vouchers(query)
            case ["v1", "referrals", "members", voucher_id, "holders"]:
                return self._holders(voucher_id, query)
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
        rows = [each for each in self._world.customers.values() if each.is_listed(self._clock.true)]
        after = query.get("starting_after")
        return self._numbered("customers", rows, after, payloads.customer_row, query)

    def _vouchers(self, query):
        rows = self._world.issued()
        after = query.get("created_at[after]")
        return self._numbered("vouchers", rows, after, payloads.voucher_row, query)

    def _numbered(self, name, rows, after, text_of, query):
        """Give a page by its number, the oldest row first."""
        rows = [each for each in rows if after is None or payloads.stamp(each.created_at) > after]
        rows.sort(key=lambda each: (each.created_at, each.id))
        size = min(int(query["limit"]), self.page_size)
        begin = (int(query.get("page", "1")) - 1) * size
        texts = ",".join(text_of(each) for each in rows[begin : begin + size])
        more = "true" if begin + size < len(rows) else "false"
        head = f'{{"object":"list","data_ref":"{name}","total":{len(rows)},"has_more":{more}'
        return self.says(200, f'{head},"{name}":[{texts}]}}')

    def _holders(self, voucher_id, query):
        if self.limits.holders != 200:
            return self.says(self.limits.holders, payloads.refusal(self.limits.holders, "no"))
        voucher = self._world.vouchers.get(voucher_id)
        if voucher is None or not voucher.is_here(self._clock.true):
            return self.says(404, payloads.refusal(404, "not_found", voucher_id, "voucher"))
        asks_for_friends = ONLY_FRIENDS in query
        if asks_for_friends and self._role_filter == "refused":
            return self.says(400, payloads.refusal(400, "invalid_query_params"))
        rows = [(e.holder_id, payloads.holder_row(e)) for e in self._world.holders_of(voucher)]
        if asks_for_friends and self._role_filter == "nobody":
            rows = []
        if not asks_for_friends or self._role_filter == "ignored":
            rows.append((voucher.referrer_id, payloads.referrer_row(voucher)))
        return self._behind(rows, query, f'"total":{len(rows)},')

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
        rows = [(e.holder_id, payloads.redeemable_row(e)) for e in self._world.held_by(customer)]
        return self._behind(rows, query)

    def _behind(self, rows, query, head=""):
        """Give what comes behind an id, the highest id first; `rows` are ids and texts."""
        after = query.get("starting_after_id")
        rows = sorted((each for each in rows if after is None or each[0] < after), reverse=True)
        size = min(int(query["limit"]), self.page_size)
        texts = ",".join(text for _, text in rows[:size])
        if len(rows) <= size:
            return self.says(200, _list(texts, f'{head}"has_more":false'))
        more = f'"has_more":true,"more_starting_after":"{rows[size - 1][0]}"'
        return self.says(200, _list(texts, head + more))

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
