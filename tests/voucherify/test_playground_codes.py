"""The readers of codes and holders against the playground, over real HTTP."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from sync.errors import CodeGoneError, UnreadableError
from sync.model.patience import Patience
from sync.playground import Playground
from sync.transport import Transport
from sync.voucherify import listed
from sync.voucherify.client import VoucherifyClient, credentials
from sync.voucherify.exports import CodeExport
from sync.voucherify.holders import HolderReader
from sync.voucherify.vouchers import CodeLister
from tests.voucherify.conftest import FakePacer

NOW = datetime(2026, 11, 20, 12, 0, 30, 500_000, tzinfo=UTC)


@pytest.fixture
def role_filter():
    return "works"


@pytest.fixture
def playground(role_filter):
    with Playground(customers=150, seed=7, now=lambda: NOW, role_filter=role_filter) as running:
        yield running


@pytest.fixture
def client(playground):
    pacer = FakePacer()
    transport = Transport(
        headers=credentials(playground.app_id, playground.app_token),
        pacer=pacer,
        patience=Patience(),
        wait=lambda _: None,
        random=Random(1),
    )
    yield VoucherifyClient(
        transport, base_url=playground.base_url, pacer=pacer, max_wait=timedelta(0)
    )
    transport.close()


def everyone(reader, voucher_id):
    """Walk all pages; give the friends' holder ids and the number of rows."""
    found, rows, after = [], 0, None
    while True:
        page = reader.page(voucher_id, after)
        found += [each.holder_id for each in page.assignments]
        rows += page.rows
        after = page.next_after
        if after is None:
            assert rows == page.total
            return found


def friends(world, voucher_id):
    return [
        one.holder_id for one in reversed(world.holders_of(voucher_id)) if one.role == "REFEREE"
    ]


def referral(world):
    return [one for one in world.vouchers if one.campaign.is_referral]


@pytest.mark.parametrize(("role_filter", "more"), [("works", 0), ("ignored", 0), ("refused", 1)])
def test_every_code_gives_its_friends_in_one_call(playground, client, more):
    world, reader = playground.world, HolderReader(client)

    found = {one.voucher_id: everyone(reader, one.voucher_id) for one in referral(world)}

    assert found == {each: friends(world, each) for each in found}
    assert any(found.values())
    assert playground.counters().by_endpoint == {"holders": len(found) + more}


def test_a_code_of_many_friends_is_walked_to_its_end(playground, client):
    code = referral(playground.world)[0].voucher_id
    for one in playground.world.customers:
        playground.assign(one.customer_id, code)

    assert everyone(HolderReader(client), code) == friends(playground.world, code)
    assert playground.counters().by_endpoint == {"holders": 3}


def test_an_export_has_the_codes_that_the_list_has(playground, client):
    found = CodeExport(client, lambda _: None).read()

    assert found.server_time == NOW.replace(microsecond=0)
    assert set(found.codes) == {each for page in CodeLister(client).pages() for each in page.codes}
    assert playground.counters().by_endpoint == {"exports": 4, "vouchers": 1}


def test_a_deleted_code_is_gone(playground, client):
    code = referral(playground.world)[0]
    playground.delete_voucher(code.voucher_id)

    with pytest.raises(CodeGoneError):
        HolderReader(client).page(code.voucher_id, None)


def test_all_codes_are_listed_beyond_what_pages_reach(playground, client, monkeypatch):
    monkeypatch.setattr(listed, "PAGE_SIZE", 3)
    monkeypatch.setattr(listed, "LAST_PAGE", 2)

    pages = list(CodeLister(client).pages())

    found = [each for page in pages for each in page.codes]
    world = playground.world
    assert {each.voucher_id for each in found} == {one.voucher_id for one in referral(world)}
    assert {(each.voucher_id, each.code, each.campaign_id) for each in found} == {
        (one.voucher_id, one.code, one.campaign.campaign_id) for one in referral(world)
    }
    assert len(pages) > 2
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]


def test_a_list_that_was_read_is_kept_up_with_one_call(playground, client):
    *_, last = CodeLister(client).pages()
    owner = playground.world.customers[0].customer_id
    campaign = referral(playground.world)[0].campaign.campaign_id
    made = playground.add_code(owner, campaign)
    before = playground.counters().total

    (page,) = CodeLister(client).pages(last.reached)

    assert made.voucher_id in [each.voucher_id for each in page.codes]
    assert playground.counters().total == before + 1


def test_more_codes_at_one_instant_than_pages_reach_are_never_lost_in_silence(
    playground, client, monkeypatch
):
    monkeypatch.setattr(listed, "PAGE_SIZE", 3)
    monkeypatch.setattr(listed, "LAST_PAGE", 2)
    owner = playground.world.customers[0].customer_id
    campaign = referral(playground.world)[0].campaign.campaign_id
    for _ in range(7):
        playground.add_code(owner, campaign, at=NOW)

    with pytest.raises(UnreadableError, match="more referral codes than can be listed"):
        list(CodeLister(client).pages())
