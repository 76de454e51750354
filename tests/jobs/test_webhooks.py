"""What is said of webhooks follows from what came, and from what was found without."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.jobs.webhooks import MISSED, said_of_webhooks, silent_since
from sync.ledger.inbox import ReceiverState

LAST = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SEEN = ReceiverState(7, LAST, LAST, LAST)


@pytest.mark.parametrize("missed", [0, 1_000])
def test_webhooks_that_never_came_are_not_called_disabled(missed):
    assert said_of_webhooks(ReceiverState(), missed).startswith("never seen; not in Voucherify's")
    assert said_of_webhooks(ReceiverState(3, LAST), missed).startswith("never seen")


def test_webhooks_that_came_and_stopped_while_others_were_found_are_probably_disabled():
    assert said_of_webhooks(SEEN, MISSED).startswith(
        "probably disabled: none came since 2026-03-10"
    )
    assert (
        said_of_webhooks(SEEN, MISSED - 1)
        == "the last one about a holder came 2026-03-10 12:00 UTC"
    )


def test_an_unassignment_is_odd_a_day_after_the_last_webhook():
    assert silent_since(SEEN) == LAST + timedelta(hours=24)
    assert silent_since(ReceiverState()) is None
