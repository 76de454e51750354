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


@pytest.fixture
def uncovered(new_shop, clock):
    """A shop that reads activities alone: no look at a code covers what its CRM believes."""
    shop = new_shop(customers=120, seed=2, now=clock.now)
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    shop.believe([row for row in held if row.role == "REFEREE"])
    shop.run()
    return shop


def believers(shop):
    return len({row.customer_id for row in shop.crm().values() if row.status == "assigned"})


def asking(shop, at_most=1_000, **settings):
    return shop.calls_of(
        lambda: shop.command("reconcile", "--ask", str(at_most), "--json", **settings)
    )


def test_whom_no_look_covers_is_asked_for_only_if_a_person_wants_that(uncovered):
    result, calls = uncovered.calls_of(lambda: uncovered.command("reconcile"))
    as_json, _ = asking(uncovered, 0)

    assert (result.code, calls) == (0, 0)
    assert f"holdersync reconcile --ask {believers(uncovered)} does" in result.out
    assert as_json.json["customers"] == {"asked": 0, "failed": 0, "left": believers(uncovered)}


def test_asking_takes_a_call_each_and_each_is_asked_for_once(uncovered):
    everybody = believers(uncovered)
    first, calls = asking(uncovered, 5)
    second, further = asking(uncovered)
    third, none = asking(uncovered)

    assert [each.code for each in (first, second, third)] == [0, 0, 0], first.err
    assert first.json["customers"] == {"asked": 5, "failed": 0, "left": everybody - 5}
    assert (calls, further, none) == (5, everybody - 5, 0)
    assert third.json["differences"] == []


def test_what_was_told_so_long_ago_is_asked_for_again(uncovered, clock):
    asking(uncovered)
    clock.jump(days=8)

    assert asking(uncovered)[1] == believers(uncovered)


def test_what_an_event_explains_is_hinted_at_and_mirrored_by_the_next_run(uncovered):
    ended = friend(uncovered)
    uncovered.playground.unassign(ended.holder_id)

    result, _ = asking(uncovered)
    assert found(result) == [("believed_though_gone", ended.holder_id)]
    uncovered.run(HOLDERSYNC_CUSTOMERS="hints")

    assert uncovered.crm()[ended.holder_id].status == "unassigned"
    assert found(asking(uncovered)[0]) == []


def test_whom_no_look_covers_and_no_event_explains_is_a_letter_that_can_be_settled(
    uncovered, clock
):
    gone = friend(uncovered)
    asking(uncovered)
    uncovered.playground.vanish(gone.holder_id)
    clock.jump(days=8)

    first, _ = asking(uncovered)
    uncovered.run()
    soon, none = asking(uncovered)
    clock.jump(hours=2)
    second, again = asking(uncovered)
    told = uncovered.run()

    assert [each.code for each in (first, soon, second)] == [65, 65, 65]
    assert (none, again) == (0, 1)
    assert told.code == 65
    ((number, reason),) = letters(uncovered, "holder")
    assert reason.startswith(f"vanished_without_event: {gone.holder_id} of {gone.customer_id}")
    uncovered.command("dead-letters", "retry", str(number), **POLICY)
    uncovered.run()
    assert uncovered.crm()[gone.holder_id].status == "unassigned"
    assert found(asking(uncovered)[0]) == []


def test_of_whom_only_the_crm_knows_the_letter_says_what_a_person_can_do(uncovered, clock):
    gone = friend(uncovered)
    uncovered.playground.vanish(gone.holder_id)

    asking(uncovered)
    uncovered.run()
    clock.jump(hours=2)
    asking(uncovered)
    uncovered.run()

    ((number, reason),) = letters(uncovered, "holder")
    assert "is not among what they hold any more" in reason
    assert "end it in the CRM by hand, then discard" in reason
    again = uncovered.command("dead-letters", "retry", str(number), **POLICY)
    assert len(letters(uncovered, "holder")) == 1
    assert uncovered.crm()[gone.holder_id].status == "assigned"
    assert "Traceback" not in again.err


def test_asking_stops_at_the_share_and_goes_on_another_day(uncovered, clock):
    spent = uncovered.run().json["calls"]["cycle_used_by_us"]
    share = {"VOUCHERIFY_CALLS_PER_CYCLE": str(spent + 40)}

    parked, calls = asking(uncovered, **share)

    assert parked.code == 75
    assert calls == parked.json["customers"]["asked"] < believers(uncovered)
    clock.jump(days=1)
    _, further = asking(uncovered, **share)
    assert 0 < further < believers(uncovered)
    assert calls + further <= 40


def test_one_whose_list_can_not_be_read_stops_no_other(uncovered):
    unlucky = friend(uncovered).customer_id
    uncovered.playground.set_faults(f"path:{unlucky}/redeemables 1- status 400 key=odd")

    result, _ = asking(uncovered)

    told = {"asked": believers(uncovered) - 1, "failed": 1, "left": 0}
    assert (result.code, result.json["customers"]) == (69, told)
    assert result.json["differences"] == []


def test_a_half_read_list_lets_nobody_vanish(uncovered):
    uncovered.playground.set_faults("path:/redeemables 1- truncate")

    result, _ = asking(uncovered)

    assert result.code == 69
    assert result.json["differences"] == []


def test_a_refused_key_costs_one_call(uncovered):
    result, calls = asking(uncovered, VOUCHERIFY_APP_TOKEN="wrong")

    assert (result.code, calls) == (77, 1)
