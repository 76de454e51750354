"""Writing back what a run cleared, where the CRM still shows what the run left."""

from dataclasses import replace
from datetime import timedelta
from time import process_time

import pytest

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, Restored, TellUserError
from sync.errors import AbortError
from sync.jobs.deliver import Deliverer
from sync.jobs.undo import BATCH, UndoRules, in_batches, over, undo
from sync.ledger.changes import KEPT, KeptChange, LaterChange, changes_of
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import adopt
from sync.ledger.letters import open_letters, revive_delivery
from sync.ledger.runs import start_run
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import changes, deliveries
from sync.model.change import Undone
from sync.model.event import Unassigned
from tests.notebook import DOWN, Notebook

OTHER = "memory-2"


@pytest.fixture
def book(shop, tmp_path):
    """The shop's CRM: three contacts, each with two codes."""
    shop.crm = Notebook(tmp_path / "notebook.json", shop.parts().start.destination)
    pages = shop.crm.pages
    for number in (1, 2, 3):
        pages.change(str(number), vid=f"cust_{number}", codes="FRIEND-1;KEPT", name="Ann")
    return pages


@pytest.fixture
def run(shop):
    """Do one run, as far as it delivers; give its id."""

    def run(kind="run", destination=None):
        parts = shop.parts(kind)
        start = replace(parts.start, destination=destination or parts.start.destination)
        start_run(shop.ledger, start)
        queue = Deliveries(shop.ledger, start.destination, start.run_id)
        Deliverer(
            queue, shop.crm, parts.delivery_rules, now=shop.clock, heartbeat=shop.watch.go_on
        ).deliver()
        return start.run_id

    return run


@pytest.fixture
def cleared(book, find, run):
    """Let one run take FRIEND-1 off all three contacts; give its id."""
    for number in (1, 2, 3):
        find(f"rh_{number}", customer_id=f"cust_{number}")
    run_id = run()
    assert codes(book) == {"1": "KEPT", "2": "KEPT", "3": "KEPT"}
    return run_id


@pytest.fixture
def take_back(shop):
    """Undo a run."""

    def take_back(run_id, *, dry_run=False):
        rules = UndoRules(dry_run, shop.clock, shop.watch.go_on, shop.executor)
        return undo(shop.ledger, shop.crm, run_id, rules)

    return take_back


def codes(book):
    return {record_id: row["codes"] for record_id, row in book.contacts.items()}


def results(undoing):
    return {each.kept.holder_id: each.restored.result for each in undoing.answers}


def test_what_a_run_cleared_is_written_back_with_all_that_it_changed(
    book, find, run, shop, take_back
):
    before = book.contacts
    find("rh_1", customer_id="cust_1")
    run_id = run()
    assert book.contacts["1"].get("ended_at")

    undoing = take_back(run_id)

    assert results(undoing) == {"rh_1": Undone.RESTORED}
    assert undoing.exit_code == 0
    assert book.contacts == {**before, "1": {**before["1"], "ended_at": ""}}
    assert [row["undone_at"] for row in shop.rows(changes)] == [shop.clock()]


def test_what_is_undone_stays_delivered_and_no_later_run_does_it_again(
    book, cleared, shop, run, take_back
):
    take_back(cleared)

    run()

    assert {row["status"] for row in shop.rows(deliveries)} == {"delivered"}
    assert set(codes(book).values()) == {"FRIEND-1;KEPT"}


def test_a_dry_run_tells_what_the_undo_then_does_and_changes_nothing(
    book, cleared, shop, take_back
):
    book.change("2", codes="NEWER")
    before = book.contacts, shop.rows(changes)

    foretold = take_back(cleared, dry_run=True)

    assert (book.contacts, shop.rows(changes)) == before
    assert foretold.answers == take_back(cleared).answers
    assert results(foretold) == {
        "rh_1": Undone.RESTORED,
        "rh_2": Undone.CHANGED_SINCE,
        "rh_3": Undone.RESTORED,
    }


def test_a_second_undo_asks_nothing_and_says_so(book, cleared, take_back):
    take_back(cleared)
    book.wrongs = [AssertionError("the CRM was asked")]

    undoing = take_back(cleared)

    assert (undoing.answers, undoing.before, undoing.exit_code) == ((), 3, 0)


def test_what_can_not_be_written_back_is_listed_and_tried_again(book, cleared, shop, take_back):
    book.change("1", codes="NEWER")
    book.remove("2")
    book.refused["3"] = Outcome.rejected("a rule forbids it")

    undoing = take_back(cleared)

    assert {each.kept.holder_id: each.restored for each in undoing.answers} == {
        "rh_1": Restored(Undone.CHANGED_SINCE),
        "rh_2": Restored(Undone.NOT_FOUND),
        "rh_3": Restored(Undone.REJECTED, "a rule forbids it"),
    }
    assert undoing.exit_code == 65
    assert {row["undone_at"] for row in shop.rows(changes)} == {None}

    book.refused.clear()
    again = take_back(cleared)
    assert results(again)["rh_3"] == Undone.RESTORED
    assert codes(book) == {"1": "NEWER", "3": "FRIEND-1;KEPT"}


def test_a_crm_that_is_down_ends_it_and_the_same_command_goes_on(book, cleared, take_back):
    book.wrongs = [DOWN]

    undoing = take_back(cleared)

    assert set(results(undoing).values()) == {Undone.RETRY}
    assert undoing.exit_code == 69
    assert take_back(cleared).exit_code == 0
    assert set(codes(book).values()) == {"FRIEND-1;KEPT"}


def test_a_crm_that_is_down_is_not_asked_batch_after_batch(book, shop, find, run, take_back):
    run_id = clear_many(book, shop, find, run, 2 * BATCH + 1)
    book.wrongs, book.calls = [DOWN] * 9, []

    undoing = take_back(run_id)

    assert book.calls == [("find", BATCH)]
    assert len(undoing.answers) == 2 * BATCH + 1
    assert undoing.exit_code == 69


def test_a_refused_key_ends_it_and_what_was_done_before_is_stored(book, shop, find, run, take_back):
    run_id = clear_many(book, shop, find, run, BATCH + 1)
    book.wrongs = [None, None, CredentialsRefusedError("make a new token")]

    undoing = take_back(run_id)

    assert (undoing.exit_code, len(undoing.answers), undoing.left) == (77, BATCH, 1)
    again = take_back(run_id)
    assert (again.exit_code, len(again.answers), again.before) == (0, 1, BATCH)


def test_a_signal_ends_it_between_two_batches(book, shop, find, run, take_back):
    run_id = clear_many(book, shop, find, run, BATCH + 1)
    shop.watch.patience = 1

    undoing = take_back(run_id)

    assert (undoing.exit_code, len(undoing.answers), undoing.left) == (75, BATCH, 1)


def clear_many(book, shop, find, run, number):
    shop.delivery_rules = replace(shop.delivery_rules, at_most=number)
    book.contacts = {
        str(each): {"vid": f"cust_{each}", "codes": "FRIEND-1"} for each in range(number)
    }
    for each in range(number):
        find(f"rh_{each:04}", customer_id=f"cust_{each}")
    return run()


def test_it_takes_one_read_and_one_write_a_batch(book, shop, find, run, take_back):
    run_id = clear_many(book, shop, find, run, 2 * BATCH + 1)
    book.calls = []

    take_back(run_id)

    sizes = [BATCH, BATCH, 1]
    assert book.calls == [each for size in sizes for each in (("find", size), ("write", size))]


@pytest.mark.parametrize("dry_run", [True, False])
def test_two_codes_of_one_contact_come_back_in_their_places(book, find, run, take_back, *, dry_run):
    book.change("1", codes="A;B;C")
    find("rh_b", code="B", voucher_id="v_b")
    find("rh_a", code="A", voucher_id="v_a")
    run_id = run()
    assert codes(book)["1"] == "C"

    undoing = take_back(run_id, dry_run=dry_run)

    assert set(results(undoing).values()) == {Undone.RESTORED}
    assert codes(book)["1"] == ("C" if dry_run else "A;B;C")


@pytest.mark.parametrize("at_once", ["one", "two"])
def test_an_undo_that_was_killed_before_it_could_store_is_said_again(
    book, find, run, shop, take_back, *, at_once
):
    find("rh_1", code="FRIEND-1", voucher_id="v_1")
    if at_once == "two":
        find("rh_2", code="KEPT", voucher_id="v_2")
    run_id = run()
    made = [each.change for each in changes_of(shop.ledger, run_id, shop.clock())]
    shop.crm.restore(made, dry_run=False)
    assert codes(book)["1"] == "FRIEND-1;KEPT"

    undoing = take_back(run_id)

    assert set(results(undoing).values()) == {Undone.ALREADY_RESTORED}
    assert undoing.exit_code == 0


def test_a_code_that_was_assigned_and_ended_again_since_is_not_brought_back(
    book, find, run, take_back
):
    """The contact shows what the run left, and yet it showed something newer in between."""
    book.change("1", codes="FRIEND-1")
    find("rh_1")
    first = run()
    book.change("1", codes="FRIEND-2")
    find("rh_2", code="FRIEND-2", voucher_id="v_2")
    second = run()
    assert codes(book)["1"] == ""

    undoing = take_back(first)

    assert results(undoing) == {"rh_1": Undone.CHANGED_SINCE}
    assert second in undoing.answers[0].restored.reason
    assert codes(book)["1"] == ""
    assert results(take_back(second)) == {"rh_2": Undone.RESTORED}
    assert results(take_back(first)) == {"rh_1": Undone.CHANGED_SINCE}
    assert codes(book)["1"] == "FRIEND-2"


def test_runs_are_undone_from_the_newest_back(book, find, run, take_back):
    book.change("1", codes="A;B")
    find("rh_a", code="A", voucher_id="v_a")
    first = run()
    find("rh_b", code="B", voucher_id="v_b")
    second = run()

    assert results(take_back(first)) == {"rh_a": Undone.CHANGED_SINCE}
    assert results(take_back(second)) == {"rh_b": Undone.RESTORED}
    assert results(take_back(first)) == {"rh_a": Undone.RESTORED}
    assert codes(book)["1"] == "A;B"


@pytest.fixture
def found_again(shop, unassignment):
    """Let a later event of the same assignment be found: it was assigned again in between."""

    def found_again(holder_id, customer_id):
        now = shop.clock()
        fact = unassignment(
            holder_id, event_id="evcus_later", customer_id=customer_id, unassigned_at=now
        )
        RunProgress(shop.ledger, "run-0", now).page_read(customer_id, [Unassigned(fact)], None, now)

    return found_again


def test_an_assignment_that_a_later_event_ended_again_is_not_brought_back(
    book, cleared, found_again, run, take_back
):
    found_again("rh_1", "cust_1")

    asked_before = take_back(cleared, dry_run=True)
    run()
    undoing = take_back(cleared)

    for told in (asked_before, undoing):
        assert results(told)["rh_1"] == Undone.CHANGED_SINCE
        assert "a later event" in told.answers[-1].restored.reason
    assert codes(book) == {"1": "KEPT", "2": "FRIEND-1;KEPT", "3": "FRIEND-1;KEPT"}


def test_a_run_of_another_destination_is_refused_with_both_names(
    book, cleared, shop, take_back, tmp_path
):
    shop.crm = Notebook(tmp_path / "other.json", OTHER)

    with pytest.raises(TellUserError, match=r"wrote to memory-1, and memory-2 is configured now"):
        take_back(cleared)
    assert set(codes(book).values()) == {"KEPT"}


def test_two_destinations_are_undone_apart(*, book, cleared, shop, run, take_back, tmp_path):
    adopt(shop.ledger, OTHER, shop.clock() - timedelta(days=30), shop.clock())
    mine, shop.crm = shop.crm, Notebook(tmp_path / "other.json", OTHER)
    shop.crm.pages.contacts = {"1": {"vid": "cust_1", "codes": "FRIEND-1"}}
    elsewhere = run(destination=OTHER)

    assert results(take_back(elsewhere)) == {"rh_1": Undone.RESTORED}
    assert set(codes(book).values()) == {"KEPT"}
    shop.crm = mine
    assert take_back(cleared).exit_code == 0
    assert set(codes(book).values()) == {"FRIEND-1;KEPT"}


def test_an_unknown_run_is_told_apart_from_one_whose_changes_are_erased(
    cleared, shop, run, take_back
):
    with pytest.raises(TellUserError, match="knows no run run-99"):
        take_back("run-99")

    shop.clock.wait(days=KEPT.days, seconds=9)
    for _ in range(2):
        with pytest.raises(TellUserError, match=f"{cleared} began on .* kept for 30 days"):
            take_back(cleared)
        run()


def test_an_undo_erases_what_was_kept_long_enough_and_looking_at_one_does_not(
    cleared, shop, take_back
):
    shop.clock.wait(days=KEPT.days, seconds=9)
    left = []

    for dry_run in (True, False):
        with pytest.raises(TellUserError, match="is erased"):
            take_back(cleared, dry_run=dry_run)
        left.append(len(shop.rows(changes)))

    assert left == [3, 0]


def test_an_adapter_that_can_not_write_back_is_named(cleared, shop, take_back):
    shop.crm.capabilities = frozenset()

    with pytest.raises(TellUserError, match="memory-1 can't write back"):
        take_back(cleared)


@pytest.mark.usefixtures("book")
def test_a_run_that_changed_nothing_is_undone_at_once(run, take_back):
    undoing = take_back(run())

    assert (undoing.answers, undoing.before, undoing.unknown, undoing.exit_code) == ((), 0, 0, 0)


def test_what_was_removed_without_telling_what_changed_is_counted(shop, find, run, take_back, book):
    find("rh_1", customer_id="cust_1")
    writer, shop.crm = (
        shop.crm,
        type("Mute", (Notebook,), {"unassign": mute})(book.path, "memory-1"),
    )
    run_id = run()
    shop.crm = writer

    undoing = take_back(run_id)

    assert (undoing.answers, undoing.unknown, undoing.exit_code) == ((), 1, 65)


def mute(notebook, batch):
    return [replace(each, change=None) for each in Notebook.preview(notebook, batch)]


def test_a_backfill_is_undone_as_a_run_is(book, find, run, take_back):
    find("rh_1", customer_id="cust_1")
    run_id = run("backfill")

    assert results(take_back(run_id)) == {"rh_1": Undone.RESTORED}
    assert codes(book)["1"] == "FRIEND-1;KEPT"


def test_what_a_retried_letter_delivered_belongs_to_the_run_that_delivered_it(
    book, find, run, shop, take_back
):
    book.refused["1"] = Outcome.rejected("a rule forbids it")
    find("rh_1", customer_id="cust_1")
    first = run()
    book.refused.clear()
    revive_delivery(shop.ledger, open_letters(shop.ledger)[0], shop.clock())
    second = run()

    assert take_back(first).answers == ()
    assert results(take_back(second)) == {"rh_1": Undone.RESTORED}


@pytest.mark.parametrize(
    "wrong", [KeyError("ann@example.com"), SystemExit(3)], ids=["error", "exit"]
)
def test_an_adapter_that_fails_ends_it_without_a_word_of_its_own(cleared, shop, take_back, wrong):
    shop.crm.pages.wrongs = [wrong]

    undoing = take_back(cleared)

    assert isinstance(undoing.stopped_by, AbortError)
    assert "ann@example.com" not in str(undoing.stopped_by)
    assert (undoing.exit_code, undoing.left) == (70, 3)
    assert take_back(cleared).exit_code == 0


def test_an_adapter_that_answers_too_little_is_not_believed(cleared, shop, take_back):
    shop.crm.restore = lambda _changes, *, dry_run: [Restored(Undone.RESTORED)] * (2 - dry_run)

    undoing = take_back(cleared)

    assert "one Restored for each of 3" in str(undoing.stopped_by)
    assert {row["undone_at"] for row in shop.rows(changes)} == {None}


def kept(number, change):
    return KeptChange(
        number=number,
        holder_id=f"rh_{number}",
        changed_at=None,
        undone_at=None,
        ended_again=False,
        change=change,
    )


def test_thousands_of_changes_are_compared_with_those_of_their_own_record_only():
    number = 5_000
    made = [kept(each, Change(str(each), {"code": "A"}, {"code": ""})) for each in range(number)]
    later = [
        LaterChange(number + each, "run-2", Change(str(each), {"note": "B"}, {"note": ""}))
        for each in range(number)
    ]
    newer = LaterChange(2 * number, "run-3", Change("7", {"code": "B"}, {"code": ""}))
    began = process_time()

    decided = over(made, [*later, newer])

    assert decided.keys() == {7}
    assert process_time() - began < 1


CLEARED = Change("17", {"code": "A", "at": ""}, {"code": "", "at": "today"})


@pytest.mark.parametrize(
    ("number", "later", "is_over"),
    [
        (9, Change("17", {"code": "B"}, {"code": ""}), True),
        (9, Change("18", {"code": "B"}, {"code": ""}), False),
        (1, Change("17", {"code": "B"}, {"code": ""}), False),
        (9, Change("17", {"code": "B"}, {"code": "C"}), False),
        (9, Change("17", {"code": ""}, {"code": ""}), False),
        (9, Change("17", {"note": "B"}, {"note": ""}), False),
    ],
    ids=["newer", "other record", "before", "shows something", "showed the same", "other field"],
)
def test_only_what_ended_something_newer_in_the_same_fields_later_keeps_a_change_from_coming_back(
    number, later, is_over
):
    decided = over([kept(5, CLEARED)], [LaterChange(number, "run-2", later)])

    assert set(decided) == ({5} if is_over else set())


def test_a_record_with_more_changes_than_a_batch_is_a_batch_of_its_own():
    rows = [kept(number, Change("1", {}, {})) for number in range(BATCH + 1)]

    assert list(in_batches(rows)) == [rows]


def test_a_batch_holds_all_changes_of_a_record():
    rows = [kept(number, Change(str(number % 7), {}, {})) for number in range(300)]

    found = list(in_batches(rows))

    assert sum(map(len, found)) == 300
    places = [{each.change.record_id for each in batch} for batch in found]
    assert sum(map(len, places)) == 7
    assert all(len(batch) <= BATCH for batch in found)
