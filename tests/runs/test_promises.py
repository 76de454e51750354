"""The promise of the README, sentence by sentence, on whole runs."""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"

WATCHFUL = """
from pathlib import Path
from sync.crm.adapter import API_VERSION, Outcome, Result

class Watchful:
    '''Writes down each call, and answers as a file tells.'''

    api_version = API_VERSION
    setting_names = frozenset()
    destination = "watchful-1"
    place = "a file"
    capabilities = frozenset()

    def __init__(self, home):
        self.home = home

    @classmethod
    def from_env(cls, env):
        return cls(Path(env["HOLDERSYNC_HOME"]))

    def check(self): ...

    def unassign(self, batch):
        answers = self.home / "answers"
        lines = answers.read_text().splitlines() if answers.exists() else []
        known = dict(line.split() for line in lines)
        with (self.home / "calls").open("a") as calls:
            for each in batch:
                calls.write(f"{each.holder_id} {each.superseded_by} {each.customer_id}\\n")
        return [Outcome(Result(known.get(each.holder_id, "removed")), "as told") for each in batch]

    def close(self): ...
"""


@pytest.fixture
def watchful(shop, monkeypatch):
    """A shop whose CRM writes down what it is told."""
    (shop.home / f"watchful_{shop.home.parent.name}.py").write_text(WATCHFUL)
    monkeypatch.syspath_prepend(str(shop.home))
    shop.settings["HOLDERSYNC_CRM"] = f"watchful_{shop.home.parent.name}:Watchful"
    return shop


def told(shop):
    """What the CRM was told: (holder, superseded by, customer), in order."""
    calls = shop.home / "calls"
    return [line.split() for line in calls.read_text().splitlines()] if calls.exists() else []


def ended(shop):
    return {
        row.holder_id: row
        for row in shop.world.truth.values()
        if row.status == "unassigned" and row.in_window
    }


def test_the_readme_makes_these_promises_and_no_others():
    text = README.read_text(encoding="utf-8")
    promise = text.partition("## The promise")[2].partition("##")[0]
    proven = {name for name in globals() if name.startswith("test_promise_")}

    numbers = re.findall(r"^(\d)\. ", promise, re.MULTILINE)

    assert numbers == ["1", "2", "3", "4", "5", "6", "7"]
    assert {name.split("_")[2] for name in proven} == set(numbers)


def test_promise_1_what_was_read_is_stored_before_the_crm_is_asked(watchful):
    (watchful.home / "answers").write_text(
        "\n".join(f"{holder_id} retry" for holder_id in ended(watchful))
    )

    watchful.run()
    asked = watchful.ledger("SELECT count(*) FROM customers WHERE asked_at IS NOT NULL")

    assert {row[0] for row in watchful.ledger("SELECT holder_id FROM unassignments")} == set(
        ended(watchful)
    )
    assert asked == [(50,)]


def test_promise_2_what_is_not_understood_or_not_delivered_is_a_dead_letter(watchful):
    refused = next(iter(ended(watchful)))
    (watchful.home / "answers").write_text(f"{refused} rejected")

    result = watchful.run()

    assert result.code == 65
    assert result.json["outcomes"]["rejected"] == 1
    letters = watchful.ledger("SELECT event_id, holder_id, reason FROM dead_letters")
    assert {each.event_id for each in watchful.world.broken} < {row[0] for row in letters}
    assert [row[2] for row in letters if row[1] == refused] == ["as told"]


def test_promise_3_after_a_clean_stop_no_call_is_repeated(watchful):
    watchful.run()
    watchful.run(HOLDERSYNC_LOOKBACK="30d")

    calls = Counter(holder_id for holder_id, _, _ in told(watchful))
    assert set(calls) == set(ended(watchful))
    assert set(calls.values()) == {1}


def test_promise_3_a_repeated_call_changes_nothing(shop):
    shop.run()
    rows = shop.crm()
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE deliveries SET status = 'pending'")  # as a kill leaves it

    again = shop.run()

    assert again.json["outcomes"]["already_removed"] == len(ended(shop))
    assert shop.crm() == rows


def test_promise_4_the_crm_is_told_of_the_newer_assignment(watchful):
    row = next(row for row in ended(watchful).values() if row.role == "REFEREE")
    newer = watchful.playground.assign(row.customer_id, row.voucher_id)

    watchful.run()

    superseded_by = {holder_id: by for holder_id, by, _ in told(watchful)}
    assert superseded_by[row.holder_id] == newer.holder_id


def test_promise_5_one_bad_customer_event_or_contact_never_stops_the_others(watchful, monkeypatch):
    monkeypatch.setattr("sync.transport.delay_before", lambda *_: 0.0)
    affected = Counter(row.customer_id for row in ended(watchful).values())
    unlucky = next(iter(affected))
    refused = next(h for h, row in ended(watchful).items() if row.customer_id != unlucky)
    watchful.playground.set_faults(f"path:{unlucky} * status 500")
    (watchful.home / "answers").write_text(f"{refused} rejected")

    result = watchful.run()

    assert result.code == 69
    assert len(told(watchful)) == len(ended(watchful)) - affected[unlucky]
    assert result.json["events"]["invalid"] >= len(watchful.world.broken) - 5


def test_promise_6_only_its_own_share_is_spent_and_it_parks(watchful):
    result, calls = watchful.calls_of(lambda: watchful.run(VOUCHERIFY_CALLS_PER_CYCLE="31"))

    assert result.code == 75
    assert result.json["parked_by"] == "budget"
    assert calls <= 31


def test_promise_7_no_person_is_named_and_personal_fields_go_with_the_delivery(watchful):
    row = next(row for row in ended(watchful).values() if row.email)
    (watchful.home / "answers").write_text(f"{row.holder_id} retry")
    first = watchful.run()
    kept = watchful.ledger("SELECT holder_id, email FROM unassignments WHERE email IS NOT NULL")
    (watchful.home / "answers").unlink()
    second = watchful.run()
    after = watchful.ledger("SELECT 1 FROM unassignments WHERE email IS NOT NULL")

    assert kept == [(row.holder_id, row.email)]
    assert after == []
    outputs = first.out + first.err + second.out + second.err
    for person in watchful.world.customers:
        assert not person.email or person.email not in outputs
        assert not person.name or f" {person.name} " not in outputs
    letters = watchful.ledger("SELECT evidence FROM dead_letters")
    names = {person.name for person in watchful.world.customers if person.name}
    assert not any(f'"{name}"' in evidence for (evidence,) in letters for name in names)
    assert not any("metadata" in evidence for (evidence,) in letters)
