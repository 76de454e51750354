"""`check --probe` asks harmlessly, and keeps dated evidence."""

import pytest

from sync.ledger.probes import IDS_RISE

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


def test_an_open_question_takes_no_answer_away(known):
    shop = known()
    shop.command("check", "--probe")
    before = dict(shop.ledger("SELECT subject, verdict FROM probes"))
    for each in list(shop.world.vouchers):
        if each.campaign.is_referral:
            shop.playground.delete_voucher(each.voucher_id)

    again = shop.command("check", "--probe", "--json")

    assert verdicts(again)[IDS_RISE] == before[IDS_RISE]
