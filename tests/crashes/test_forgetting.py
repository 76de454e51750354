"""A person who is to be forgotten is there as before the kill, or gone, and never half of both."""

import pytest

from tests.crashes.news import News
from tests.crashes.scenes import QUIET, RUN

NOT_YET = (
    "after statement: delete dead_letters",
    "after statement: delete changes",
    "after statement: delete unassignments",
    "after statement: delete customers",
    "after statement: insert forgotten",
    "before commit: forget",
)
ERASED = ("after commit: forget", "before lock: run given back")


@pytest.fixture
def merchant(new_merchant):
    """Somebody whose customers all had news, which were delivered."""
    merchant = new_merchant(2)
    News(merchant, 2).of_every_kind()
    assert merchant.do(RUN).code in QUIET
    return merchant


def of(merchant, customer_id):
    """What a ledger holds of one customer."""
    seen, truth = merchant.look(), merchant.world.truth
    changes = {row for row in seen.changes if truth[row.holder_id].customer_id == customer_id}
    tables = (seen.customers.values(), seen.facts.values(), seen.held.values())
    rows = [row for table in (*tables, seen.letters, seen.bookmarks) for row in table]
    return {row for row in rows if row.customer_id == customer_id} | changes


def test_forgetting_is_whole_or_has_not_begun_wherever_it_is_killed(merchant):
    people = [customer.customer_id for customer in merchant.world.customers]
    points = (*NOT_YET, *ERASED)
    for point, person in zip(points, people, strict=False):
        before = of(merchant, person)
        assert len(before) > 1

        killed = merchant.do(("forget", person), point=point)
        left = of(merchant, person)

        assert killed.at == point
        assert left == (set() if point in ERASED else before)
    News(merchant, 3).of_every_kind()
    assert merchant.do(RUN).code in QUIET
    assert not [each for each in people[len(NOT_YET) : len(points)] if of(merchant, each)]


def test_whom_a_killed_command_forgot_stays_forgotten(merchant):
    person = merchant.world.customers[0].customer_id
    others = merchant.world.customers[1].customer_id
    theirs = [one.holder_id for one in merchant.world.truth.values() if one.customer_id == person]
    merchant.do(("forget", person), point="after commit: forget")
    again = merchant.do(("forget", person))
    News(merchant, 3).of_every_kind()

    run = merchant.do(RUN)

    assert (again.code, run.code) == (0, 65)
    assert of(merchant, person) == set()
    assert of(merchant, others)
    files = b"".join(each.read_bytes() for each in merchant.home.glob("ledger.db*"))
    assert not [each for each in (person, *theirs) if each.encode() in files]
