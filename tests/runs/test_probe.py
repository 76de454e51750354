"""`check --probe` asks harmlessly, and keeps dated evidence."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from sync.ledger.probes import IDS_RISE
from sync.model.allowance import Share

SUBJECTS = {
    *("type_filter", "start_date_inclusive", "end_date_inclusive", "updated_at_moves"),
    *(IDS_RISE, "holder_role_filter", "holders_total_exact", "holder_id_reused"),
}


@pytest.fixture
def known(new_shop):
    """A shop whose runs found unassignments and looked at codes."""

    def made(**options):
        shop = new_shop(customers=200, seed=2, **options)
        shop.run(HOLDERSYNC_CUSTOMERS="all,holders")
        return shop

    return made


def verdicts(result):
    return {each["subject"]: each["verdict"] for each in result.json["probes"]}


@pytest.mark.parametrize("unknown_type", ["error", "empty"])
def test_each_question_is_answered_and_kept_with_its_date(known, unknown_type):
    shop = known(unknown_type=unknown_type)

    result, calls = shop.calls_of(lambda: shop.command("check", "--probe", "--json"))

    assert result.code == 0, result.err
    assert verdicts(result).keys() == SUBJECTS
    assert verdicts(result)["type_filter"] == "disproven"
    assert verdicts(result)["start_date_inclusive"] == "proven"
    assert verdicts(result)["end_date_inclusive"] == "proven"
    assert verdicts(result)["holders_total_exact"] == "proven"
    assert 5 < calls <= 41
    stored = shop.ledger("SELECT subject, verdict FROM probes WHERE probed_at IS NOT NULL")
    assert dict(stored) == verdicts(result)


def test_a_role_filter_that_is_ignored_is_seen(known):
    shop = known(role_filter="ignored")

    result = shop.command("check", "--probe", "--json")

    assert verdicts(result)["holder_role_filter"] in {"disproven", "open"}


def test_without_probe_nothing_is_asked_and_nothing_kept(known):
    shop = known()

    result, calls = shop.calls_of(lambda: shop.command("check", "--json"))

    assert (calls, "probes" in result.json) == (1, False)
    assert shop.ledger("SELECT * FROM probes") == []


def texts(result):
    return {each["what"]: each["exit_code"] for each in result.json["findings"]}


def test_before_the_first_run_everything_else_is_told_all_the_same(new_shop):
    result = new_shop(customers=20).command("check", "--probe", "--json")

    assert (result.code, texts(result)["voucherify"], texts(result)["probe"]) == (78, 0, 78)


def test_a_key_that_is_refused_is_told_and_asked_with_no_more(known):
    shop = known()

    result, calls = shop.calls_of(
        lambda: shop.command("check", "--probe", "--json", VOUCHERIFY_APP_TOKEN="wrong")
    )

    assert (result.code, texts(result)["voucherify"], calls) == (77, 77, 1)


def test_what_was_seen_before_the_share_ended_is_told_and_kept(known):
    shop = known()
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE budget SET used_before_day = used")
    used = shop.ledger("SELECT used FROM budget")[0][0]
    today = datetime.now(UTC).date()
    days = (Share(1, 1).cycle_of(today)[1] - today).days
    share = {"VOUCHERIFY_CALLS_PER_CYCLE": str(used + 12 * days)}

    result, calls = shop.calls_of(lambda: shop.command("check", "--probe", "--json", **share))

    assert (result.code, texts(result)["probe"]) == (75, 75)
    assert calls == 12
    assert verdicts(result)["type_filter"] == "disproven"
    assert dict(shop.ledger("SELECT subject, verdict FROM probes")) == verdicts(result)


def test_an_open_question_takes_no_answer_away(known):
    shop = known()
    shop.command("check", "--probe")
    before = dict(shop.ledger("SELECT subject, verdict FROM probes"))
    for each in list(shop.world.vouchers):
        if each.campaign.is_referral:
            shop.playground.delete_voucher(each.voucher_id)

    again = shop.command("check", "--probe", "--json")

    assert verdicts(again)[IDS_RISE] == before[IDS_RISE]
