"""Limits, parking, the shop's reserve, fairness: what a run spends, and how the next goes on.

What the answers of Voucherify mean, on whole runs, is held by these together:

- 404: test_truth.py (deleted customers); 5xx, time-outs, broken answers: ../faults, and
  test_unavailable.py (a customer that fails is left);
- 401: test_credentials.py; 403, and a key that is refused in the middle: here;
- the end of the cycle, other 429, the reserve, refusals alike: here;
- today's share, whom a run does not reach, and kills: test_share.py.
"""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sync.app.wiring import IN_LINE, WORKERS
from sync.jobs.enough import SAME_IN_A_ROW
from tests.faults.clock import BEGIN
from tests.faults.proxy import ACTIVITY_FIRST, ACTIVITY_FURTHER

CYCLE = {"X-Rate-Limit-Type": "api_calls_cycle"}
NEXT_CYCLE = "2026-04-01T00:00:00.000Z"
MANY = 50_000


class Refusing:
    """Holds the first calls of a kind until so many are under way, and refuses one of them.

    The others get their good answers only after the tool has had the time to start something new.
    """

    def __init__(self, status, headers, *, kind=ACTIVITY_FIRST, together=WORKERS):
        self._refused = {"status": status, "headers": headers}
        self._kind = kind
        self._all_there = threading.Barrier(together)
        self._places = iter(range(10_000))
        self.refused = None

    def __call__(self, call, answer, _client):
        if call.kind != self._kind:
            return answer
        place = next(self._places)
        if place >= self._all_there.parties:
            return answer
        self._all_there.wait(20)
        if place == 0:
            self.refused = call
            headers = answer.headers | self._refused["headers"]
            return replace(answer, status=self._refused["status"], headers=headers, body=b"{}")
        threading.Event().wait(0.3)
        return answer


def stored(shop):
    """Give the paths of those of whom at least one page is in the ledger."""
    found = shop.ledger(
        "SELECT customer_id FROM customers WHERE asked_at IS NOT NULL "
        "UNION SELECT customer_id FROM bookmarks"
    )
    return {f"/v1/customers/{customer_id}/activity" for (customer_id,) in found}


def asked(log):
    return [call for call in log if call.kind in {ACTIVITY_FIRST, ACTIVITY_FURTHER}]


@pytest.mark.parametrize(("status", "headers"), [(429, CYCLE), (402, {})])
def test_no_call_is_started_after_the_refusal_was_read_and_those_in_flight_are_stored(
    proxied, status, headers
):
    shop, proxy = proxied()
    proxy.strike = refusing = Refusing(status, headers)

    result = shop.run()

    calls = asked(proxy.log)
    assert (result.code, result.json["parked_by"]) == (75, "cycle")
    assert result.json["resume_after"] == NEXT_CYCLE
    assert len(calls) == WORKERS
    assert max(call.began for call in calls) <= refusing.refused.ended
    assert stored(shop) == {call.path for call in calls} - {refusing.refused.path}
    assert result.json["customers"]["asked"] == WORKERS - 1
    assert result.json["calls"]["made"] == len(proxy.log)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_in_the_middle_ends_the_run_with_those_in_line(proxied, status):
    shop, proxy = proxied()
    proxy.strike = refusing = Refusing(status, {})

    result = shop.run()

    calls = asked(proxy.log)
    assert (result.code, result.json["result"]) == (77, "failed")
    assert len(calls) <= IN_LINE
    assert stored(shop) == {call.path for call in calls} - {refusing.refused.path}


@pytest.mark.parametrize("status", ["429 type=api_calls_cycle", "402"])
def test_after_a_cycle_that_ended_each_run_makes_one_call_first(proxied, matches_truth, status):
    shop, proxy = proxied()
    shop.playground.set_faults(f"path:/activity 4- status {status}")
    first = shop.run()
    shop.playground.set_faults(f"* status {status}")
    proxy.log.clear()

    later = [shop.run() for _ in range(3)]

    assert [each.json["parked_by"] for each in (first, *later)] == ["cycle"] * 4
    assert [each.json["calls"]["made"] for each in later] == [1, 1, 1]
    assert len(proxy.log) == 3
    shop.playground.set_faults("")
    assert shop.run().json["customers"]["left"] == 0
    assert matches_truth(shop)[0]


def test_the_next_run_goes_on_at_the_same_customer_and_the_same_page(proxied, matches_truth):
    shop, proxy = proxied()
    proxy.strike = refusing = Refusing(429, CYCLE, kind=ACTIVITY_FURTHER, together=1)
    shop.run()
    place = refusing.refused
    proxy.log.clear()

    shop.run()

    again = [call for call in proxy.log if call.path == place.path]
    assert again[0].query == place.query
    assert ACTIVITY_FIRST not in {call.kind for call in again}
    assert matches_truth(shop)[0]


def test_another_429_is_waited_for_if_that_is_not_longer_than_may_be_waited(proxied, matches_truth):
    shop, proxy = proxied()
    proxy.strike = Refusing(429, {"Retry-After": "30", "X-Rate-Limit-Retry": "1"})

    result = shop.run(HOLDERSYNC_MAX_WAIT="30s")

    begun = [call.began for call in asked(proxy.log)]
    in_flight, after = begun[:WORKERS], begun[WORKERS:]
    assert result.code in (0, 65)
    assert result.json["calls"]["throttled"] == result.json["calls"]["retried"] == 1
    # It is refused once all of these are under way.
    assert min(after) >= max(in_flight) + 30
    assert matches_truth(shop)[0]


def test_a_longer_wait_parks_and_the_runs_until_then_make_no_call(proxied, clock, matches_truth):
    shop, proxy = proxied()
    proxy.strike = refusing = Refusing(429, {"Retry-After": "900", "X-Rate-Limit-Retry": "1"})
    first = shop.run()
    in_flight = asked(proxy.log)
    proxy.log.clear()

    clock.jump(minutes=10)
    too_early = shop.run()
    clock.jump(minutes=5)
    in_time = shop.run()

    assert [each.code for each in (first, too_early)] == [75, 75]
    assert [each.json["parked_by"] for each in (first, too_early)] == ["rate", "rate"]
    for parked in (first, too_early):
        resume_after = datetime.fromisoformat(parked.json["resume_after"])
        assert abs(resume_after - BEGIN - timedelta(minutes=15)) < timedelta(seconds=30)
    assert len(in_flight) == WORKERS
    assert max(call.began for call in in_flight) <= refusing.refused.ended
    assert too_early.json["calls"]["made"] == 0
    assert in_time.json["customers"]["left"] == 0
    assert matches_truth(shop)[0]


@pytest.mark.parametrize(("per", "max_wait"), [("minute", "60s"), ("hour", "10s")])
def test_no_answer_ever_leaves_the_shop_less_than_its_reserve(proxied, clock, per, max_wait):
    shop, proxy = proxied(rate_limit=(60, per), customers=80)
    left = []

    def watch(_call, answer, _client):
        left.append(int(answer.headers["X-Rate-Limit-Remaining"]))
        return answer

    proxy.strike = watch

    result = shop.run(HOLDERSYNC_MAX_WAIT=max_wait, VOUCHERIFY_RESERVE="30%")

    assert min(left) >= 18
    assert shop.playground.counters().by_status.get(429, 0) == 0
    if per == "minute":
        assert result.json["customers"]["left"] == 0
    else:
        assert (result.code, result.json["parked_by"]) == (75, "reserve")
        assert len(proxy.log) >= 60 - 18 - WORKERS
        resume_after = datetime.fromisoformat(result.json["resume_after"])
        assert resume_after - BEGIN.replace(hour=13) < timedelta(seconds=5)
        clock.jump(hours=1)
        assert shop.run(HOLDERSYNC_MAX_WAIT=max_wait).json["customers"]["asked"] > 30


@pytest.mark.parametrize("named", [False, True])
def test_a_key_without_the_right_costs_one_call(proxied, named):
    shop, proxy = proxied()
    shop.run()
    proxy.log.clear()
    shop.playground.set_faults("* status 403 key=missing_required_permission")
    (shop.home / "ids").write_text("\n".join(each.customer_id for each in shop.world.customers))

    result = shop.run(*(["--customers", "file:ids"] if named else []))

    assert (result.code, len(proxy.log)) == (77, 1)
    assert "missing_required_permission" in result.err


@pytest.mark.parametrize(("status", "code"), [("422 key=changed", 70), ("503", 69)])
def test_answers_alike_end_the_run_before_a_long_list_is_spent(proxied, status, code):
    shop, proxy = proxied()
    (shop.home / "ids").write_text("\n".join(f"cust_{number}" for number in range(MANY)))
    shop.playground.set_faults(f"path:/activity * status {status}")

    result = shop.run("--customers", "file:ids")

    tries = 5 if code == 69 else 1
    assert result.code == code
    assert result.json["customers"]["selected"] == MANY
    assert len(proxy.log) <= 1 + tries * (SAME_IN_A_ROW + IN_LINE)
    assert status.split(" ")[0] in result.err
