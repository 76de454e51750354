"""What a fetch that was left behind can still do: nothing; and a listing that does not hold up."""

import threading

import pytest

from sync.app.threads import Gate, ListingAside
from sync.errors import ParkError, UnavailableError
from sync.operate.workers import Workers
from sync.transport import Observed
from tests.inline import Inline

SOON = 10.0


class Pacer:
    """Notes what it is told."""

    def __init__(self):
        self.told = []

    def reserve(self):
        self.told.append("reserve")
        return 1.5

    def start(self, slot):
        self.told.append(("start", slot))
        return 0.25

    def end(self, *, started):
        self.told.append(("end", started))

    def observe(self, seen):
        self.told.append(seen)

    def refuse_cycle(self):
        self.told.append("refuse")
        return "then"


SEEN = Observed(limit=10)


def test_an_open_gate_passes_everything_on():
    pacer = Pacer()
    gate = Gate(pacer)

    assert (gate.reserve(), gate.start(2.0), gate.refuse_cycle()) == (1.5, 0.25, "then")
    gate.end(started=True)
    gate.observe(SEEN)

    assert pacer.told == ["reserve", ("start", 2.0), "refuse", ("end", True), SEEN]


@pytest.mark.parametrize("close", [Gate.shut, Gate.close])
@pytest.mark.parametrize(
    "act",
    [
        lambda gate: gate.reserve(),
        lambda gate: gate.start(0.0),
        lambda gate: gate.observe(SEEN),
        lambda gate: gate.refuse_cycle(),
    ],
)
def test_behind_a_shut_gate_nothing_is_counted_or_stored(act, close):
    pacer = Pacer()
    gate = Gate(pacer)
    close(gate)

    with pytest.raises(ParkError):
        act(gate)
    gate.end(started=True)

    assert pacer.told == []


def test_closing_waits_for_who_is_inside_and_shutting_does_not():
    inside, may_go_on, closed = threading.Event(), threading.Event(), threading.Event()

    class Slow(Pacer):
        def reserve(self):
            inside.set()
            may_go_on.wait(SOON)
            return super().reserve()

    pacer = Slow()
    gate = Gate(pacer)
    threading.Thread(target=gate.reserve, daemon=True).start()
    assert inside.wait(SOON)

    gate.shut()
    closing = threading.Thread(target=lambda: (gate.close(), closed.set()), daemon=True)
    closing.start()
    assert not closed.is_set()

    may_go_on.set()
    assert closed.wait(SOON)
    assert pacer.told == ["reserve"]


class Lister:
    def __init__(self, *pages):
        self.listed = pages
        self.asked_from = []

    def first_answer(self):
        return "first"

    def pages(self, reached=None):
        self.asked_from.append(reached)
        for page in self.listed:
            if isinstance(page, Exception):
                raise page
            yield page


@pytest.fixture(params=["inline", "threads"])
def executor(request):
    made = Inline() if request.param == "inline" else Workers("fetch", 3)
    yield made
    made.shutdown()


def test_a_listing_aside_gives_what_the_lister_gives(executor):
    lister = Lister("one", "two", "three")
    aside = ListingAside(lister, executor)

    assert aside.first_answer() == "first"
    assert list(aside.pages("place")) == ["one", "two", "three"]
    assert list(aside.pages()) == ["one", "two", "three"]
    assert lister.asked_from == ["place", None]


def test_a_listing_aside_fails_as_the_lister_fails(executor):
    error = UnavailableError("no answer")
    pages = ListingAside(Lister("one", error), executor).pages()

    assert next(pages) == "one"
    with pytest.raises(UnavailableError) as failed:
        next(pages)
    assert failed.value is error


def test_a_page_that_does_not_come_is_left_behind():
    under_way, may_end = threading.Event(), threading.Event()
    left = ParkError("stopped", by="signal")
    workers = Workers("fetch", 1)

    class Stalled(Lister):
        def pages(self, reached=None):
            yield from super().pages(reached)
            under_way.set()
            may_end.wait(SOON)
            yield "two"

    pages = ListingAside(Stalled("one"), workers).pages()
    assert next(pages) == "one"
    threading.Thread(
        target=lambda: (under_way.wait(SOON), workers.leave(left)), daemon=True
    ).start()

    with pytest.raises(ParkError) as stopped:
        next(pages)

    assert stopped.value is left
    may_end.set()
