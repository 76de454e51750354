"""Forgetting one person: nothing of them stays in the files, and no later read brings them back."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest


@pytest.fixture
def full(shop):
    """A shop after a run: everything was read and delivered."""
    assert shop.run().code == 65
    return shop


def bytes_of(shop):
    files = [each for each in shop.home.iterdir() if each.name.startswith("ledger.db")]
    assert files
    return b"".join(each.read_bytes() for each in files)


def traces_of(shop, person):
    """Everything of a person that a ledger could hold, and holds."""
    known = {person.customer_id, person.source_id, person.email, person.name}
    known |= {each.holder_id for each in shop.world.truth.values() if belongs(each, person)}
    known |= {each.event_id for each in shop.world.truth.values() if belongs(each, person)}
    content = bytes_of(shop)
    return {each for each in known if each and each.encode() in content}


def belongs(row, person):
    return row.customer_id == person.customer_id


@pytest.fixture
def person(full):
    """Somebody with an unassignment in the ledger."""
    found = full.ledger("SELECT customer_id FROM unassignments ORDER BY number LIMIT 1")[0][0]
    return full.world.customer(found)


def test_nothing_of_a_forgotten_person_stays_in_the_files(full, person):
    assert len(traces_of(full, person)) > 2

    result = full.command("forget", person.customer_id)

    assert result.code == 0
    assert "0 of them not told" in result.out
    assert traces_of(full, person) == set()


def test_others_stay_as_they_were(full, person):
    others = "SELECT * FROM unassignments WHERE customer_id <> ? ORDER BY number"
    before = full.ledger(others, person.customer_id)

    full.command("forget", person.customer_id)

    assert full.ledger(others, person.customer_id) == before
    assert full.run().code == 0


@pytest.mark.parametrize("how", ["named", "listed anew"])
def test_no_later_read_brings_a_forgotten_person_back(full, person, how, tmp_path):
    full.command("forget", person.customer_id)
    voucher = next(each for each in full.world.truth.values() if belongs(each, person)).voucher_id
    full.playground.unassign(full.playground.assign(person.customer_id, voucher).holder_id)
    before = full.crm()
    named = tmp_path / "ids"
    named.write_text(person.customer_id)

    if how == "named":
        result = full.run("--customers", f"file:{named}")
    else:
        with closing(sqlite3.connect(full.ledger_file)) as ledger, ledger:
            ledger.execute("UPDATE project SET listing_since = '2020-01-01T00:00:00.000000Z'")
        result = full.run()

    assert (result.code, result.json["customers"]["forgotten"]) == (0, 1)
    assert traces_of(full, person) == set()
    assert full.crm() == before


def test_a_backfill_does_not_bring_a_forgotten_person_back(full, person):
    full.command("forget", person.customer_id)

    today = datetime.now(UTC).date().isoformat()
    result = full.command("backfill", "--from", "2020-01-01", "--to", today, "--json")

    assert result.json["customers"]["forgotten"] == 1
    assert traces_of(full, person) == set()


def test_an_event_in_somebody_elses_list_does_not_bring_a_forgotten_person_back(full, person):
    full.command("forget", person.customer_id)
    truth = next(each for each in full.world.truth.values() if belongs(each, person))
    again = full.playground.assign(person.customer_id, truth.voucher_id)
    full.playground.unassign(again.holder_id)
    (event,) = (
        each
        for each in full.world.activity(person.customer_id)
        if each["id"] == full.world.truth[again.holder_id].event_id
    )
    other = next(each for each in full.world.customers if each.customer_id != person.customer_id)
    full.playground.add_event(other.customer_id, event)

    assert full.run().code == 0
    assert traces_of(full, person) == set()


@pytest.mark.parametrize("drop", [False, True])
def test_who_has_a_delivery_pending_is_forgotten_only_if_it_may_be_dropped(shop, drop):
    shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="1")
    found = shop.ledger("SELECT customer_id FROM unassignments ORDER BY number LIMIT 1")[0][0]
    person = shop.world.customer(found)

    result = shop.command("forget", person.customer_id, *(["--drop-pending"] if drop else []))

    if drop:
        assert result.code == 0
        assert traces_of(shop, person) == set()
        shop.run()
        assert found not in {
            row.customer_id for row in shop.crm().values() if row.status != "assigned"
        }
    else:
        assert result.code == 78
        assert "--drop-pending" in result.err
        assert len(traces_of(shop, person)) > 2


def test_the_dead_letters_of_a_forgotten_person_go_too(full):
    found = full.ledger("SELECT customer_id FROM dead_letters WHERE kind = 'event' LIMIT 1")[0][0]

    full.command("forget", found)

    assert full.ledger("SELECT 1 FROM dead_letters WHERE customer_id = ?", found) == []
    assert found.encode() not in bytes_of(full)


def test_whoever_is_unknown_can_be_forgotten_beforehand(full):
    new = full.playground.add_customer()

    result = full.command("forget", new.customer_id)
    full.run()

    assert result.code == 0
    assert "nobody was known by this id" in result.out

    assert full.ledger("SELECT 1 FROM customers WHERE customer_id = ?", new.customer_id) == []


def test_the_mark_names_nobody_and_differs_between_ledgers(new_shop):
    marks = []
    for number in range(2):
        shop = new_shop(seed=number + 5)
        shop.believe()
        shop.run()
        shop.command("forget", "cust_same")
        marks += shop.ledger("SELECT mark FROM forgotten")

    assert len(set(marks)) == 2
    assert all(len(mark) == 64 and "cust" not in mark for (mark,) in marks)
