"""Which calls are made at once, and which are not made any more."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from sync.errors import ParkError, UnavailableError
from sync.model.summary import CustomerCount


def test_calls_are_made_one_by_one_until_one_was_answered(shop, many):
    shop.voucherify.page_size = 10
    for who in many[:3]:
        shop.voucherify.faults[who] = [UnavailableError("no whole answer")]
    under_way = []
    shop.watch.read = lambda *_: under_way.append(len(shop.voucherify.asked))

    shop.collect(proven=False, in_line=4)

    assert under_way[:5] == [1, 2, 3, 4, 8]


def test_one_page_of_many_is_an_answer(shop, many, ended):
    for number in range(9):
        shop.voucherify.happens(many[0], ended(f"rh_more_{number}", hours=5, customer_id=many[0]))
    under_way = []
    shop.watch.read = lambda *_: under_way.append(len(shop.voucherify.asked))

    shop.collect(proven=False, in_line=4)

    assert under_way[0] == 2
    assert under_way[1] - under_way[0] >= 3


def test_what_waits_for_a_worker_when_something_stops_is_not_sent(shop, many):
    first_answered = Event()
    shop.voucherify.faults[many[0]] = [ParkError("used up", by="budget")]
    fetch = shop.voucherify.fetch

    def fetch_second_slowly(who, window, after):
        if who != many[0]:
            first_answered.wait(5)
        return fetch(who, window, after)

    shop.voucherify.fetch = fetch_second_slowly
    shop.watch.go_on = first_answered.set
    with ThreadPoolExecutor(1) as threads:
        shop.executor = threads
        collected = shop.collect(in_line=6)

    assert collected.stopped_by.by == "budget"
    assert len(shop.voucherify.asked) <= 2
    assert collected.customers.left == 20


def test_a_signal_is_heard_while_an_answer_is_slow(shop, many):
    heard = Event()

    def slow(_who, _window, _after):
        assert heard.wait(5)
        msg = "no whole answer"
        raise UnavailableError(msg)

    def signal():
        heard.set()
        msg = "stopped by a signal"
        raise ParkError(msg, by="signal")

    shop.voucherify.fetch = slow
    shop.watch.go_on = signal
    with ThreadPoolExecutor(1) as threads:
        shop.executor = threads
        collected = shop.collect(in_line=3)

    assert collected.stopped_by.by == "signal"
    assert collected.customers == CustomerCount(selected=20, asked=1, left=20)
    assert len(many) == 20
