"""What the batches of the http adapter cost, where its receiver limits its calls or breaks."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from sync.crm.http.adapter import BATCH, HttpAdapter
from sync.ledger.letters import open_letters
from tests.crm.http.receiver import Receiver

SECRET = "s3cret-s3cret-s3cret"


class Limited(Receiver):
    """Takes so many calls, and breaks at some unassignments."""

    left = 1_000
    breaks_at = frozenset()

    def answer(self, path, headers, body):
        self.left -= 1
        if self.left < 0:
            return 429, {}, b""
        if json.loads(body)["subject"] in self.breaks_at:
            return 500, {}, b""
        return super().answer(path, headers, body)


@pytest.fixture
def receiver(shop):
    receiver = Limited(SECRET, "records")
    with closing(
        HttpAdapter(receiver.url, SECRET, now=lambda: datetime.now(UTC), wait=lambda _seconds: None)
    ) as shop.crm:
        yield receiver
    receiver.stop()


def test_a_receiver_that_takes_few_at_a_time_gets_all_in_the_end_and_no_letter_is_dead(
    shop, receiver, find, deliver, states
):
    find(*(f"rh_{number:02}" for number in range(70)))

    for _ in range(10):
        receiver.left = 7
        deliver()

    assert set(states().values()) == {"delivered"}
    assert open_letters(shop.ledger) == []


def test_a_row_of_unassignments_that_break_the_receiver_stops_none_that_follow(
    receiver, find, deliver, states
):
    ids = [f"rh_{number:02}" for number in range(BATCH + 5)]
    receiver.breaks_at = frozenset(ids[: BATCH - 1])
    find(*ids)

    deliver()

    assert [who for who, status in states().items() if status == "delivered"] == ids[BATCH - 1 :]
