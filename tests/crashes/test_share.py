"""A kill loses the calls that were leased; never the other way round."""

from datetime import UTC, datetime

from sync.ledger.budget import LARGEST_BLOCK
from sync.model.allowance import Share
from tests.crashes.news import News
from tests.crashes.rules import after_a_kill, after_the_end
from tests.crashes.scenes import RUN

BLOCKS_A_DAY = 4
FIRST_DAY = 1
"""The day of the month on which a cycle starts, unless a setting says otherwise."""


def test_runs_that_are_killed_again_and_again_stay_within_the_days_share(new_merchant):
    merchant = new_merchant(1)
    News(merchant, 1).of_every_kind()
    today = datetime.now(UTC).date()
    _, cycle_end = Share(0, FIRST_DAY).cycle_of(today)
    share = BLOCKS_A_DAY * LARGEST_BLOCK
    merchant.env["VOUCHERIFY_CALLS_PER_CYCLE"] = str(share * (cycle_end - today).days)

    runs = [merchant.do(RUN, point="after call: activity", n=3) for _ in range(BLOCKS_A_DAY + 1)]

    is_killed = [run.is_killed for run in runs]
    days = 1 + (datetime.now(UTC).date() != today)
    seen = merchant.look()
    assert is_killed == [*[True] * BLOCKS_A_DAY, False]
    assert runs[-1].json["parked_by"] == "budget"
    assert merchant.calls() < seen.used <= share * days
    assert list(after_a_kill(merchant, seen)) == []

    merchant.env["VOUCHERIFY_CALLS_PER_CYCLE"] = "1000000"
    merchant.do(RUN)
    assert list(after_the_end(merchant, merchant.look())) == []
