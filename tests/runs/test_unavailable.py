"""When a CRM or Voucherify is down, slow or full: nothing lost, nothing asked twice."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
import requests

from sync.model.patience import Patience

IMPATIENT = {"CRM_SQL_URL": "sqlite:///crm.db?timeout=0.05"}


@contextmanager
def locked(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_crm_that_is_locked_during_a_whole_run_leaves_everything_pending(shop, matches_truth):
    before = shop.crm()
    with locked(shop.crm_file):
        first = shop.run(**IMPATIENT)

    assert first.code == 69
    assert first.json["result"] == "unavailable"
    assert first.json["pending"] == first.json["events"]["new"] > 0
    assert shop.crm() == before

    shop.playground.set_faults("* status 503")
    second = shop.run(HOLDERSYNC_MAX_WAIT="1s", **IMPATIENT)

    # Voucherify answered nothing at all: what was delivered now had been read before.
    assert second.json["events"]["read"] == 0
    assert second.json["pending"] == 0
    assert second.json["outcomes"]["removed"] > 0
    assert matches_truth(shop)[0]


@pytest.fixture(autouse=True)
def _hardly_waiting(monkeypatch):
    monkeypatch.setattr(
        "sync.app.wiring.Patience", partial(Patience, first_delay=0.001, longest_delay=0.002)
    )


def test_a_voucherify_that_is_down_ends_the_reading_soon_and_with_69(shop):
    shop.run()
    shop.playground.set_faults("* status 503")

    result, calls = shop.calls_of(shop.run)

    assert result.code == 69
    assert result.json["customers"]["left"] == 50
    assert calls <= 5 * (1 + 5 + 12)  # attempts: the listing, five customers, those in line


@pytest.mark.parametrize(
    "fault", ["status 500", "status 502", "reset", "truncate", "html", "bad-json", "close"]
)
def test_a_single_fault_is_retried_and_nothing_is_lost(shop, matches_truth, fault):
    shop.playground.set_faults(f"path:/activity 3 {fault}\npath:/activity 17 {fault}")

    result = shop.run()

    assert result.code == 65  # the dead letters of this world
    assert result.json["calls"]["retried"] == 2
    assert result.json["customers"]["left"] == 0
    assert matches_truth(shop)[0]


def test_a_customer_that_fails_is_left_and_the_others_go_on(shop, matches_truth):
    unlucky = shop.world.customers[5].customer_id
    shop.playground.set_faults(f"path:{unlucky} * status 500")
    first = shop.run()

    assert first.code == 69
    assert first.json["customers"]["left"] == 1
    shop.playground.set_faults("")

    second = shop.run()

    assert second.code in (0, 65)
    assert second.json["customers"]["left"] == 0
    assert matches_truth(shop)[0]


def test_five_equal_refusals_in_a_row_end_the_run_before_the_calls_are_spent(shop):
    shop.playground.set_faults("path:/activity * status 422 key=changed")

    result, calls = shop.calls_of(shop.run)

    assert result.code == 70
    assert result.json["result"] == "failed"
    assert calls <= 1 + 5 + 12
    assert "422 changed" in result.err


def test_a_healthy_run_within_its_rate_never_meets_a_429(new_shop):
    shop = new_shop(rate_limit=(2000, "minute"), customers=20)

    result = shop.run(VOUCHERIFY_RATE="1300/min")  # the reserve of 30 % leaves 1400 a minute

    assert result.json["customers"]["left"] == 0
    assert shop.playground.counters().by_status.get(429, 0) == 0


def test_the_shops_reserve_is_kept_and_the_run_parks(new_shop):
    # The server's clock stands still: at the end of an hour the shop would have its calls again.
    began = datetime.now(UTC)
    shop = new_shop(rate_limit=(1000, "hour"), now=lambda: began)
    with requests.Session() as own_calls_of_the_shop:
        for _ in range(680):
            own_calls_of_the_shop.get(
                f"{shop.playground.base_url}/v1/customers", headers=_keys(shop)
            )

    result, calls = shop.calls_of(shop.run)

    assert result.code == 75
    assert (result.json["result"], result.json["parked_by"]) == ("parked", "reserve")
    assert result.json["resume_after"]
    assert calls <= 20  # 30 % of 1000 are left for the shop
    assert result.json["customers"]["left"] >= 50 - result.json["customers"]["asked"] > 0
    assert shop.playground.counters().by_status.get(429, 0) == 0


def _keys(shop):
    return {"X-App-Id": shop.playground.app_id, "X-App-Token": shop.playground.app_token}


def test_a_used_up_cycle_parks_and_the_next_cycle_goes_on_where_it_stopped(new_shop, matches_truth):
    shop = new_shop(cycle_quota=30)
    shop.believe()

    first, calls = shop.calls_of(shop.run)
    refused, refused_calls = shop.calls_of(shop.run)
    shop.playground.begin_cycle(1000)
    last, last_calls = shop.calls_of(shop.run)

    assert (first.code, first.json["parked_by"]) == (75, "cycle")
    assert first.json["resume_after"]
    assert calls <= 30 + 6  # those in flight when the refusal was read
    assert (refused.code, refused.json["parked_by"], refused_calls) == (75, "cycle", 1)
    assert last.json["customers"]["left"] == 0
    assert matches_truth(shop)[0]
    assert last_calls <= shop.world.minimum_calls(shop.world.window_start)


def test_todays_share_parks_and_tells_when_to_go_on(shop):
    # Fewer than a run needs, even on a cycle's last day, when all that is left is today's.
    result = shop.run(VOUCHERIFY_CALLS_PER_CYCLE="30")

    assert result.code == 75
    assert result.json["parked_by"] == "budget"
    assert result.json["resume_after"].endswith("T00:00:00.000Z")


def test_a_run_cut_short_goes_on_with_those_it_did_not_reach(new_shop):
    shop = new_shop(cycle_quota=30)
    shop.believe()
    shop.run()
    first = {
        row[0]
        for row in shop.ledger("SELECT customer_id FROM customers WHERE asked_at IS NOT NULL")
    }
    shop.playground.begin_cycle(30)

    shop.run()

    both = {
        row[0]
        for row in shop.ledger("SELECT customer_id FROM customers WHERE asked_at IS NOT NULL")
    }
    assert len(both) >= 2 * len(first) - 5
