"""A dry run tells what a run would do, and leaves nothing that a later run could notice."""

import hashlib
import json


def contents(home):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.iterdir()
        if path.is_file()
    }


def facts(shop):
    """Everything in the ledger but the count of calls."""
    tables = ("project", "customers", "bookmarks", "assignments", "unassignments", "deliveries")
    tables += ("dead_letters", "runs", "destinations")
    return {name: shop.ledger(f"SELECT * FROM {name} ORDER BY 1") for name in tables}


def test_without_a_ledger_it_makes_none_and_touches_nothing(shop):
    before = contents(shop.home)

    result = shop.run("--dry-run")

    assert contents(shop.home) == before
    assert result.code == 65
    assert result.json["events"]["new"] == len(result.json["told"]) > 0


def test_it_tells_what_the_run_then_does(shop):
    told = shop.run("--dry-run").json

    done = shop.run().json

    for same in ("customers", "events", "outcomes", "pending", "dead_letters"):
        assert told[same] == done[same]
    rows = shop.crm()
    assert all(rows[each["holder_id"]].status == "unassigned" for each in told["told"])


def test_with_a_ledger_only_the_calls_are_counted(shop):
    shop.run()
    held = next(row for row in shop.world.truth.values() if row.status == "assigned")
    shop.playground.unassign(held.holder_id)
    before, crm = facts(shop), shop.crm()
    used = shop.ledger("SELECT used FROM budget")[0][0]

    result, calls = shop.calls_of(lambda: shop.run("--dry-run"))

    assert result.json["events"]["new"] == 1
    assert [each["holder_id"] for each in result.json["told"]] == [held.holder_id]
    assert facts(shop) == before
    assert shop.crm() == crm
    assert shop.ledger("SELECT used FROM budget")[0][0] == used + calls


def test_it_tells_what_is_pending_too(shop):
    shop.playground.set_faults("")
    shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="1")  # the brake: everything stays pending
    pending = shop.ledger("SELECT count(*) FROM deliveries WHERE status = 'pending'")[0][0]

    result = shop.run("--dry-run")

    assert len(result.json["told"]) == pending > 1
    assert shop.ledger("SELECT count(*) FROM deliveries WHERE status = 'pending'") == [(pending,)]


def test_a_person_sees_code_campaign_and_answer(shop):
    result = shop.command("run", "--dry-run")

    assert "nothing was written" in result.out
    one = next(row for row in shop.world.truth.values() if row.event_id and row.in_window)
    assert one.customer_id in result.out
    assert not any(row.email in result.out for row in shop.world.customers if row.email)


def test_it_tells_the_dead_letters_that_a_run_would_write(shop):
    told = shop.run("--dry-run")
    text = shop.command("run", "--dry-run")

    letters = told.json["would_be_dead_letters"]
    assert {each["event_id"] for each in letters} == {each.event_id for each in shop.world.broken}
    assert "holder is missing" in text.out
    assert "dead-letters list" not in told.err


def test_it_may_run_beside_a_real_run(shop):
    shop.run()
    with shop.start("run", "--json") as real:
        rehearsal = shop.run("--dry-run")
        out, _ = real.communicate(timeout=60)

    assert rehearsal.code == 0
    assert json.loads(out)["result"] == "done"
