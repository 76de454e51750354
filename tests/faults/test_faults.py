"""Each fault on the wire, before each kind of call: nothing hangs, nothing lies, nothing is lost.

The cells are held to what `wrongs.py` says of them; what every run must keep whatever happens is in
`campaign.Cell`. The short form plays a sample, --long all of them.
"""

import os

import pytest

from tests.faults.campaign import Cell, play, words
from tests.faults.proxy import CALLS, LIST_FIRST, Strike
from tests.faults.table import HEADS, README, bound_text, in_readme
from tests.faults.wrongs import WRONGS, cells_to_play, stall

MAX_WAIT = 60


def test_nothing_hangs_nothing_lies_and_nothing_is_lost(campaign, results, tmp_path, capsys, cell):
    wrong, call, once = cell
    with campaign.shop(tmp_path / "shop", capsys) as shop:
        result, played = play(campaign, shop, wrong, call, once=once)
    told = words(result)
    results.add(cell, told, result.json, campaign.longest_call, played.longest_request)

    form = campaign.form
    assert told == wrong.ends[call][once]
    assert played.longest_request <= form.one_request + form.slack
    assert campaign.longest_call <= form.one_call(MAX_WAIT) + form.slack


@pytest.mark.skipif(bool(os.environ.get("REWRITE")), reason="the README is being written")
def test_the_readme_tells_of_these_faults_and_calls_what_was_measured():
    heads, told = in_readme()

    assert tuple(heads) == HEADS
    assert list(told) == [(wrong.name, call) for wrong in WRONGS for call in CALLS]
    # Each cell is held to the same words by the test above.
    assert told == {(wrong.name, call): wrong.ends[call] for wrong in WRONGS for call in CALLS}
    assert bound_text() in README.read_text(encoding="utf-8")


def test_the_short_form_meets_each_fault_and_each_kind_of_call_for_ever_and_once():
    short = cells_to_play(long=False)

    assert {(wrong.name, once) for wrong, _, once in short} == {
        (wrong.name, once) for wrong in WRONGS for once in (False, True)
    }
    assert {(call, once) for _, call, once in short} == {
        (call, once) for call in CALLS for once in (False, True)
    }


@pytest.mark.long_only
def test_the_real_patience_ends_a_call_that_nobody_answers(
    campaign_as_it_is, results, tmp_path, capsys
):
    campaign = campaign_as_it_is
    with campaign.shop(tmp_path / "shop", capsys) as shop:
        cell = Cell(campaign, shop, Strike(stall, LIST_FIRST, once=False))
        result = cell.run_under_it(within=campaign.form.one_call(MAX_WAIT))
    results.tell(f"real patience, no answer at all: {campaign.longest_call:.1f} s")

    assert words(result) == "69 left"
    patience = campaign.form.patience
    assert campaign.longest_call <= patience.total + campaign.form.one_request
