"""Undoing whole runs, with a CRM that can write back what it cleared."""

import json
import re
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from sync.ledger.lock import held
from tests.notebook import NAMED, Pages

ROOT = Path(__file__).parents[2]
PRIVATE = "private-note"
KILLED = """
import os, signal
from tests.notebook import Notebook

class Killed(Notebook):
    def restore(self, changes, *, dry_run):
        super().restore(changes, dry_run=dry_run)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def book(shop):
    """The shop's CRM: a contact for each customer, with all codes that it believes in."""
    shop.settings["HOLDERSYNC_CRM"] = NAMED
    shop.settings["PYTHONPATH"] = f"{ROOT}:{shop.home}"
    codes = defaultdict(list)
    for row in shop.world.crm_today:
        codes[row.customer_id].append(row.code)
    pages = Pages(shop.home / "notebook.json")
    pages.contacts = {
        f"rec_{number:03}": {"vid": who, "codes": ";".join([*held, PRIVATE]), "ended_at": ""}
        for number, (who, held) in enumerate(codes.items())
    }
    return pages


@pytest.fixture
def done(shop, book):
    """A run that cleared something; give what it told, with the contacts as they were."""
    before = book.contacts
    summary = shop.run().json
    assert summary["outcomes"]["removed"] > 5
    assert book.contacts != before
    return summary, before


def test_a_run_is_undone_and_stays_so(shop, book, done):
    summary, before = done

    undone = shop.command("undo", summary["run_id"], "--json").json

    assert book.contacts == before
    assert {each["result"] for each in undone["changes"]} == {"restored"}
    assert len(undone["changes"]) == summary["outcomes"]["removed"]
    assert (undone["unknown"], undone["exit_code"]) == (0, 0)
    assert shop.run().code == 0
    assert book.contacts == before


def test_a_dry_run_shows_each_field_and_writes_nothing(shop, book, done):
    summary, before = done
    cleared = book.contacts

    text = shop.command("undo", summary["run_id"], "--dry-run")
    told = shop.command("undo", summary["run_id"], "--dry-run", "--json").json["changes"]

    assert book.contacts == cleared
    assert text.code == 0
    assert "dry run, nothing was written" in text.out
    assert PRIVATE in text.out
    newest_last = {each["record_id"]: each["before"]["codes"] for each in told}
    assert all(before[each]["codes"] == codes for each, codes in newest_last.items())


def test_a_second_undo_says_that_nothing_is_left(shop, book, done):
    summary, before = done
    shop.command("undo", summary["run_id"])

    again = shop.command("undo", summary["run_id"])

    assert again.code == 0
    assert "nothing left to write back" in again.out
    assert f"{summary['outcomes']['removed']} were written back by an undo before" in again.out
    assert book.contacts == before


def test_what_somebody_wrote_since_is_left_and_listed(shop, book, done):
    summary, before = done
    (record_id, *_) = (each for each, row in book.contacts.items() if row != before[each])
    book.change(record_id, codes="NEWER")

    undone = shop.process("undo", summary["run_id"])

    assert undone.code == 65
    assert re.search(rf"{record_id} +changed since", undone.out)
    assert book.contacts == {**before, record_id: book.contacts[record_id]}
    assert book.contacts[record_id]["codes"] == "NEWER"


def test_an_undo_that_was_killed_is_said_again(shop, book, done):
    summary, before = done
    (shop.home / "killed_crm.py").write_text(KILLED)

    killed = shop.process("undo", summary["run_id"], HOLDERSYNC_CRM="killed_crm:Killed")
    again = shop.command("undo", summary["run_id"], "--json")

    assert killed.code == -signal.SIGKILL
    assert {each["result"] for each in again.json["changes"]} == {"already_restored"}
    assert again.code == 0
    assert book.contacts == before


def test_no_field_of_a_contact_is_told_but_where_a_person_asks(shop, done):
    summary, _ = done
    held_now = next(row for row in shop.world.truth.values() if row.status == "assigned")
    shop.playground.unassign(held_now.holder_id)
    run = shop.command("run", HOLDERSYNC_LOG_FORMAT="json")

    undone = shop.command("undo", summary["run_id"], "--json")

    assert PRIVATE not in run.out + run.err + undone.out + undone.err
    assert PRIVATE not in json.dumps(shop.ledger("SELECT summary FROM runs"))
    assert PRIVATE in json.dumps(shop.ledger("SELECT before FROM changes"))


def test_a_dry_run_of_a_run_shows_record_and_fields_before_and_after(shop, book):
    before = book.contacts
    text = shop.command("run", "--dry-run")
    told = shop.run("--dry-run").json["told"]
    shop.run()

    removed = [each for each in told if each["outcome"] == "removed"]
    assert removed
    assert all(before[each["record_id"]]["codes"] for each in removed)
    last = {each["record_id"]: each["after"]["codes"] for each in removed}
    assert {each: book.contacts[each]["codes"] for each in last} == last
    others = [each for each in told if each["outcome"] != "removed"]
    assert {(each["record_id"], each["before"], each["after"]) for each in others} <= {
        (None, None, None)
    }
    assert removed[0]["record_id"] in text.out
    assert "what would change" in text.out
    assert PRIVATE in text.out


def test_nothing_of_a_forgotten_person_s_record_stays_in_the_files(shop, book, done):
    summary, _ = done
    holder_id, record_id = shop.ledger("SELECT holder_id, record_id FROM changes LIMIT 1")[0]
    book.change(record_id, codes="LEFT-ALONE")

    shop.command("forget", shop.world.truth[holder_id].customer_id)
    undone = shop.command("undo", summary["run_id"])

    files = [each for each in shop.home.iterdir() if each.name.startswith("ledger.db")]
    assert not any(record_id.encode() in each.read_bytes() for each in files)
    assert undone.code == 0
    assert book.contacts[record_id]["codes"] == "LEFT-ALONE"


def test_nobody_undoes_while_a_run_is_at_work(shop, book, done):
    summary, _ = done
    cleared = book.contacts

    with held(shop.ledger_file, "run"):
        refused = shop.command("undo", summary["run_id"])
        looked = shop.command("undo", summary["run_id"], "--dry-run")
    with held(shop.ledger_file, "deliver"):
        also = shop.command("undo", summary["run_id"])

    assert (refused.code, also.code, looked.code) == (75, 75, 0)
    assert "tells the CRM just now" in also.err
    assert book.contacts == cleared


@pytest.mark.usefixtures("book")
def test_what_can_not_be_undone_is_told_with_the_next_step(shop):
    without_ledger = shop.command("undo", "run-1")
    run_id = shop.run().json["run_id"]
    unknown = shop.command("undo", "run-1")
    elsewhere = shop.command("undo", run_id, CRM_NOTEBOOK="other.json")

    assert [without_ledger.code, unknown.code, elsewhere.code] == [78, 78, 78]
    assert "holdersync status" in unknown.err
    assert "wrote to notebook-notebook, and notebook-other is configured now" in elsewhere.err
    assert shop.command("undo").code == 2


@pytest.mark.usefixtures("book")
def test_check_shows_for_a_sample_what_would_be_done_and_what_is_not_proven(shop):
    before = shop.command("check", "--json").json
    shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="1")  # the brake: everything stays pending
    text = shop.command("check")
    after = shop.command("check", "--json").json

    assert before["sample"] == []
    assert before["not_proven"] == [{"what": "crm", "text": "whether the notebook may be written"}]
    assert len(after["sample"]) == 5
    assert {tuple(each["fields"]) for each in after["sample"] if each["outcome"] == "removed"} == {
        ("codes", "ended_at")
    }
    assert "not proven crm         whether the notebook may be written" in text.out
    for each in after["sample"]:
        assert f"{each['holder_id']}, code {each['code']}: " in text.out
    assert PRIVATE not in text.out + json.dumps(after)
    assert not any(row.email in text.out for row in shop.world.customers if row.email)


def test_the_embedded_table_is_put_back_as_it_was(shop):
    before = shop.crm()
    summary = shop.run().json
    cleared = shop.crm()

    foretold = shop.command("undo", summary["run_id"], "--dry-run", "--json").json
    undone = shop.command("undo", summary["run_id"], "--json").json

    assert cleared != before
    assert len(undone["changes"]) == summary["outcomes"]["removed"]
    assert undone["exit_code"] == foretold["exit_code"] == 0
    # What the table did not know was put in as ended; that is no change of something else.
    assert before.items() <= shop.crm().items()
    assert shop.run().code == 0
    assert before.items() <= shop.crm().items()
