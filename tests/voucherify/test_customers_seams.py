"""Beyond the 9,900 customers that pages reach: nobody is lost at a seam, whatever the ties.

The server here keeps to what the vendor's page "List Customers" says: 100 rows a page, 99 pages,
and `starting_after`, a creation time behind which an ascending list begins.
"""

import json
from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync.errors import UnreadableError
from sync.transport import Answer
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.customers import CustomerLister
from sync.voucherify.instant import read_instant, write_instant

HEADERS = {"Date": "Thu, 01 Aug 2024 12:00:00 GMT"}
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MOST = 9_900


class Server:
    """Lists customers of the given ages (milliseconds after `BEGIN`), as documented."""

    def __init__(self, ages, *, is_strict=True, tells_more=True, ignores=(), changes=None):
        self.ages = sorted(ages)
        self.is_strict = is_strict
        self.tells_more = tells_more
        self.ignores = ignores
        self.changes = changes or {}
        self.asked = 0

    def get(self, _url, params, judge):
        self.asked += 1
        query = {name: value for name, value in params if name not in self.ignores}
        assert query["order"] == "created_at"
        assert 1 <= int(query.get("page", 1)) <= 99
        first = self._first(query.get("starting_after"))
        first += (int(query.get("page", 1)) - 1) * 100
        last = min(first + 100, len(self.ages))
        body = {"customers": [self._row(number) for number in range(first, last)]}
        if self.tells_more:
            body["has_more"] = last < len(self.ages)
        return judge(Answer(200, HEADERS, json.dumps(body).encode()))

    def _first(self, starting_after):
        if starting_after is None:
            return 0
        age = (read_instant(starting_after) - BEGIN) / timedelta(milliseconds=1)
        return (bisect_right if self.is_strict else bisect_left)(self.ages, age)

    def _row(self, number):
        created_at = BEGIN + timedelta(milliseconds=self.ages[number])
        return {"id": f"cust_{number}", "created_at": created_at.isoformat()} | self.changes


class IdlePacer:
    """Is told of limits that no answer here names."""

    def observe(self, seen):
        pass


def pages(server, reached=None):
    client = VoucherifyClient(
        server, base_url="https://x.test", pacer=IdlePacer(), max_wait=timedelta(0)
    )
    return CustomerLister(client).pages(reached)


def listed(server, reached=None):
    return [each for page in pages(server, reached) for each in page.customer_ids]


def everybody(server):
    return {f"cust_{number}" for number in range(len(server.ages))}


@pytest.mark.parametrize("is_strict", [True, False])
def test_25_000_customers_are_listed_with_hardly_a_call_more_than_they_need(is_strict):
    server = Server(range(25_000), is_strict=is_strict)

    found = listed(server)

    assert set(found) == everybody(server)
    assert len(found) <= 25_000 + 2 * 3
    assert server.asked == 251


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("tells_more", [True, False])
def test_hundreds_with_one_creation_time_at_a_seam_lose_nobody(is_strict, tells_more):
    ages = [*range(9_700), *[9_700] * 700, *range(9_800, 20_000)]
    server = Server(ages, is_strict=is_strict, tells_more=tells_more)

    found = listed(server)

    assert set(found) == everybody(server)
    assert len(found) - len(set(found)) <= 700


@pytest.mark.parametrize("count", [MOST - 1, MOST])
def test_as_many_as_pages_reach_need_no_seam(count):
    server = Server(range(count))

    assert set(listed(server)) == everybody(server)
    assert server.asked == 99


def test_times_finer_than_a_millisecond_lose_nobody():
    server = Server([number / 7 for number in range(10_500)])

    assert set(listed(server)) == everybody(server)


@settings(max_examples=5)
@given(
    st.lists(st.integers(1, 3_000), min_size=4, max_size=8), st.booleans(), st.integers(0, 9_800)
)
def test_whatever_the_ties_nobody_is_lost(sizes, is_strict, before):
    assume(is_strict or before + sizes[0] < MOST)
    ages = [*[0] * before, *[age for age, size in enumerate(sizes, 1) for _ in range(size)]]
    server = Server(ages, is_strict=is_strict)

    assert set(listed(server)) == everybody(server)


def test_more_in_two_milliseconds_than_pages_reach_are_never_lost_in_silence():
    ages = [*[0] * 9_433, *[1] * 467, 2, 3]
    strict, other = Server(ages), Server(ages, is_strict=False)

    assert set(listed(strict)) == everybody(strict)
    with pytest.raises(UnreadableError, match="more customers than can be listed"):
        listed(other)


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("cut_after", [1, 99, 105])
def test_a_listing_that_was_cut_short_goes_on_from_the_time_it_reached(is_strict, cut_after):
    server = Server(range(10_600), is_strict=is_strict)
    given = list(islice(pages(server), cut_after))

    rest = listed(server, given[-1].reached)

    found = [each for page in given for each in page.customer_ids]
    assert set(found) | set(rest) == everybody(server)
    assert len(found) + len(rest) <= 10_600 + 2 * 2


@settings(max_examples=6)
@given(
    st.lists(st.integers(1, 250), min_size=1, max_size=8),
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.sampled_from([1, 1 / 7]),
    st.booleans(),
)
def test_wherever_a_listing_is_cut_and_gone_on_with_nobody_is_lost(
    sizes, cuts, milliseconds, is_strict
):
    ages = [age * milliseconds for age, size in enumerate(sizes) for _ in range(size)]
    server = Server(ages, is_strict=is_strict)
    found, reached = set(), None
    for cut_after in cuts:
        for page in islice(pages(server, reached), cut_after):
            found.update(page.customer_ids)
            reached = page.reached or reached

    assert found | set(listed(server, reached)) == everybody(server)


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_whole_list_is_kept_up_with_one_call(is_strict):
    server = Server(range(10_500), is_strict=is_strict)
    *_, last = pages(server)
    server.asked = 0

    assert listed(server, last.reached)[-1] == "cust_10499"
    assert server.asked == 1

    server.ages.extend([10_499, 10_499, 10_600])
    assert {"cust_10500", "cust_10501", "cust_10502"} < set(listed(server, last.reached))


@pytest.mark.parametrize("before", [0, 500, MOST])
def test_more_at_one_instant_than_pages_reach_end_the_list_and_name_the_instant(before):
    tie = before
    server = Server([*range(before), *[tie] * (MOST + 1)])
    instant = write_instant(BEGIN + timedelta(milliseconds=tie))

    with pytest.raises(UnreadableError) as too_many:
        listed(server)

    assert str(too_many.value) == (
        f"more customers than can be listed (9900) were created at {instant}; "
        "give those customers by HOLDERSYNC_CUSTOMERS=file:PATH"
    )


@pytest.mark.parametrize("ignored", ["page", "starting_after"])
def test_a_server_that_ignores_where_to_go_on_is_noticed_and_not_followed(ignored):
    server = Server(range(10_500), ignores=(ignored,))

    with pytest.raises(UnreadableError):
        listed(server)

    assert server.asked <= 2 * 99


@pytest.mark.parametrize("created_at", [None, "yesterday", 5, "2024-02-30T00:00:00Z"])
def test_behind_the_last_page_a_row_without_a_time_cannot_be_gone_on_from(created_at):
    server = Server(range(MOST + 1), changes={"created_at": created_at})

    with pytest.raises(UnreadableError, match="no created_at to go on from"):
        listed(server)


def told(answer, total):
    body = json.loads(answer.body) | {"total": total}
    return replace(answer, body=json.dumps(body).encode())


class Shrinking(Server):
    """Deletes some of its oldest before calls of the given numbers, and tells its total."""

    def __init__(self, ages, deletions):
        super().__init__(ages)
        self.deletions = deletions
        self.gone = 0

    def get(self, url, params, judge):
        going = self.deletions.get(self.asked, 0)
        del self.ages[:going]
        self.gone += going
        return super().get(url, params, lambda answer: judge(told(answer, len(self.ages))))

    def _row(self, number):
        return super()._row(number) | {"id": f"cust_{number + self.gone}"}


@pytest.mark.parametrize("deletions", [{1: 1}, {1: 60, 2: 1}, {3: 350}, {99: 5}, {1: 1_050}])
@pytest.mark.parametrize("ages", [range(1_100), [*range(150), *[150] * 300, *range(200, 11_000)]])
def test_nobody_is_passed_by_who_moved_up_when_others_were_deleted(deletions, ages):
    server = Shrinking(ages, deletions)

    found = listed(server)

    assert everybody_left(server) <= set(found)
    assert len(found) - len(set(found)) <= 1_000


def everybody_left(server):
    return {f"cust_{number + server.gone}" for number in range(len(server.ages))}


class Telling(Server):
    """Tells a total that depends on the page."""

    def __init__(self, ages, total):
        super().__init__(ages)
        self.total = total

    def get(self, url, params, judge):
        assert self.asked < 100
        total = self.total(int(dict(params)["page"]), len(self.ages))
        return super().get(url, params, lambda answer: judge(told(answer, total)))


@pytest.mark.parametrize("ages", [range(1_050), [*range(50), *[50] * 300, *range(60, 800)]])
@pytest.mark.parametrize(
    "total",
    [
        lambda page, rows: rows - (page - 1) * 100,
        lambda page, rows: rows + (page == 1),
        lambda page, rows: rows - page % 2,
    ],
)
def test_a_total_that_depends_on_the_page_keeps_no_list_from_its_end(ages, total):
    server = Telling(ages, total)

    assert set(listed(server)) == everybody(server)
