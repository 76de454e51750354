"""The tool's share of the calls: by day and by cycle, among the customers, and after a kill."""

import signal
import threading
from collections import Counter

from sync.ledger.budget import LARGEST_BLOCK
from tests.faults.proxy import ACTIVITY_FIRST, Proxy

NEXT_CYCLE = "2026-04-01T00:00:00.000Z"


def test_with_a_tiny_share_everybody_has_a_turn_and_whoever_holds_something_more_of_them(
    proxied, clock
):
    shop, proxy = proxied(customers=40)
    people = {each.customer_id for each in shop.world.customers}
    times = Counter(dict.fromkeys(people, 0))

    for _ in range(21):
        proxy.log.clear()
        result = shop.run(VOUCHERIFY_CALLS_PER_CYCLE="264")  # about 12 a day
        times.update(call.path.split("/")[3] for call in proxy.log if call.kind == ACTIVITY_FIRST)
        # Until everybody was asked once, somebody is due; from then on as many as can be paid.
        if min(times.values()) == 0:
            assert (result.code, result.json["parked_by"]) == (75, "budget")
        clock.jump(days=1)

    assert min(times.values()) >= 3
    assert sum(number > 6 for number in times.values()) < 8


def test_a_run_spends_what_is_left_of_today_and_no_more(proxied, clock):
    shop, proxy = proxied()
    share = {"VOUCHERIFY_CALLS_PER_CYCLE": "660"}  # on 10 March the cycle has 22 days left

    first = shop.run(**share)
    again = shop.run(**share)
    clock.jump(days=1)
    next_day = shop.run(**share)
    clock.jump(days=10)
    later = shop.run(**share)

    made = [each.json["calls"]["made"] for each in (first, again, next_day, later)]
    assert made[:3] == [30, 0, 30]
    assert made[3] <= 60  # 600 calls are left for 11 days
    assert len(proxy.log) == sum(made)
    assert [each.json["parked_by"] for each in (first, again, next_day)] == ["budget"] * 3
    assert [each.json["resume_after"] for each in (first, again, next_day)] == [
        "2026-03-11T00:00:00.000Z",
        "2026-03-11T00:00:00.000Z",
        "2026-03-12T00:00:00.000Z",
    ]
    assert later.json["calls"]["cycle_used_by_us"] == sum(made)
    assert later.json["calls"]["cycle_share_left"] == 660 - sum(made)


def test_a_share_that_is_used_up_comes_back_with_the_next_cycle(proxied, clock):
    shop, _ = proxied()
    clock.jump(days=21)  # the last day of the cycle: all that is left may be spent

    first = shop.run(VOUCHERIFY_CALLS_PER_CYCLE="40")
    clock.jump(days=1)
    second = shop.run(VOUCHERIFY_CALLS_PER_CYCLE="4000")

    assert (first.json["calls"]["made"], first.json["resume_after"]) == (40, NEXT_CYCLE)
    assert second.json["customers"]["left"] == 0
    assert second.json["calls"]["cycle_used_by_us"] == second.json["calls"]["made"]


def test_calls_that_a_kill_took_along_count_as_made(new_shop):
    shop = new_shop()
    shop.believe()
    held = threading.Event()

    def hold(call, answer, client):
        if call.kind == ACTIVITY_FIRST and len(proxy.log) >= 12:
            held.set()
            client.hold()
        return answer

    with Proxy() as proxy:
        proxy.stand_before(shop.playground)
        proxy.strike = hold
        shop.settings["VOUCHERIFY_BASE_URL"] = proxy.url
        with shop.start("run") as process:
            assert held.wait(30)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        sent = len(proxy.log)
        used = shop.ledger("SELECT used FROM budget")[0][0]
        proxy.strike = lambda _call, answer, _client: answer
        after = shop.run()

    assert process.returncode == -signal.SIGKILL
    assert sent <= used <= sent + LARGEST_BLOCK
    assert after.json["calls"]["cycle_used_by_us"] == used + after.json["calls"]["made"]
    assert after.json["customers"]["left"] == 0
