"""What no event explains: told once, with the command that settles it, and settled by it."""

import pytest

POLICY = {"HOLDERSYNC_ON_CUSTOMER_GONE": "unassign"}


@pytest.fixture
def looking(new_shop, clock):
    """A shop that looks at its codes; its CRM believes what is held."""
    shop = new_shop(customers=120, seed=2, now=clock.now)
    shop.settings["HOLDERSYNC_CUSTOMERS"] = "holders"
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    shop.believe([row for row in held if row.role == "REFEREE"])
    shop.run()
    return shop


def friend(shop):
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    return next(row for row in held if row.role == "REFEREE")


def letters(shop, kind):
    return shop.ledger("SELECT id, reason FROM dead_letters WHERE kind = ?", kind)


def found(result):
    return [(each["kind"], each["holder_id"]) for each in result.json["differences"]]


def test_whoever_vanished_without_an_event_is_a_letter_after_two_looks_a_lookback_apart(
    looking, clock
):
    gone = friend(looking)
    looking.playground.vanish(gone.holder_id)

    first = looking.run()
    clock.jump(minutes=30)
    soon = looking.run()
    clock.jump(hours=1)
    second = looking.run()
    clock.jump(hours=1)
    third = looking.run()

    # The first read of a customer may meet a broken event of the playground's.
    assert first.json["codes"]["vanished"] == 1
    assert [each.code for each in (soon, second, third)] == [0, 65, 0]
    ((_, reason),) = letters(looking, "holder")
    assert reason.startswith(f"vanished_without_event: {gone.holder_id} of {gone.customer_id}")
    assert looking.crm()[gone.holder_id].status == "assigned"


def test_a_person_unassigns_whoever_vanished_by_retrying_that_letter(looking, clock):
    gone = friend(looking)
    looking.playground.vanish(gone.holder_id)
    looking.run()
    clock.jump(hours=2)
    looking.run()
    ((number, _),) = letters(looking, "holder")

    assert looking.command("dead-letters", "retry", f"{number}").code == 65
    assert looking.command("dead-letters", "retry", f"{number}", **POLICY).code == 0
    looking.run()

    assert looking.crm()[gone.holder_id].status == "unassigned"
    others = [row for key, row in looking.crm().items() if key != gone.holder_id]
    assert {row.status for row in others} == {"assigned"}


def test_a_person_unassigns_all_of_a_deleted_code_by_retrying_its_one_letter(looking):
    voucher_id = friend(looking).voucher_id
    theirs = {
        row.holder_id
        for row in looking.world.truth.values()
        if row.voucher_id == voucher_id and looking.world.is_held(row) and row.role == "REFEREE"
    }
    looking.playground.delete_voucher(voucher_id)
    looking.run()
    ((number, _),) = letters(looking, "code")

    assert looking.command("dead-letters", "retry", f"{number}", **POLICY).code == 0
    looking.run()

    ended = {key for key, row in looking.crm().items() if row.status == "unassigned"}
    assert ended == theirs


def test_a_crm_that_believes_what_is_held_has_no_difference(looking):
    result, calls = looking.calls_of(lambda: looking.command("reconcile", "--json"))

    assert (result.code, calls, found(result)) == (0, 0, [])


def test_each_difference_is_told_by_its_kind_and_nothing_is_changed(looking, clock):
    vanished = friend(looking)
    looking.playground.vanish(vanished.holder_id)
    looking.run()
    clock.jump(hours=2)
    looking.run()
    of_code = friend(looking)
    looking.playground.delete_voucher(of_code.voucher_id)
    looking.run()
    before, crm = looking.ledger_file.read_bytes(), looking.crm()

    result = looking.command("reconcile", "--json")

    assert result.code == 65
    kinds = {holder_id: kind for kind, holder_id in found(result)}
    assert kinds[vanished.holder_id] == "vanished_without_event"
    assert kinds[of_code.holder_id] == "code_gone"
    assert all(each["settle"] for each in result.json["differences"])
    assert looking.crm() == crm
    assert looking.ledger_file.read_bytes() == before


def test_a_crm_that_went_back_to_an_old_state_is_told_again_once_it_is_settled(looking):
    ended = friend(looking)
    looking.playground.unassign(ended.holder_id)
    looking.run()
    assert looking.crm()[ended.holder_id].status == "unassigned"
    looking.crm_file.unlink()
    looking.believe([ended])

    told = looking.command("reconcile", "--json")
    assert found(told) == [("believed_though_ended", ended.holder_id)]
    assert looking.run().code == 0
    assert looking.crm()[ended.holder_id].status == "assigned"

    settled = looking.command("reconcile", "--settle", "--json")
    assert settled.json["told_again"] == 1
    looking.run()
    assert looking.crm()[ended.holder_id].status == "unassigned"
    assert looking.command("reconcile").code == 0
