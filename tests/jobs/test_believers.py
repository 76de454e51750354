"""Whom the CRM believes: all pages, or an error that says what to do; strangers' code is theirs."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.crm.adapter import BelievedHolder, Capability
from sync.errors import AbortError, TellUserError, UnavailableError, VendorChangedError
from sync.jobs.believers import AT_ONCE, believed, can_list, is_due

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


class Crm:
    """Lists what it is given, by record; `answer` may be an error or something odd."""

    destination = "memory-1"
    capabilities = frozenset({Capability.LISTS_ASSIGNED})

    def __init__(self, number=0, answer=None):
        self.records = [BelievedHolder(f"{each:06}") for each in range(number)]
        self.answer = answer

    def assigned(self, after, at_most):
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        return [each for each in self.records if after is None or each.record_id > after][:at_most]


@pytest.mark.parametrize("number", [0, 1, AT_ONCE, 2 * AT_ONCE + 1])
def test_everybody_comes_once_however_many_pages_there_are(number):
    crm = Crm(number)

    assert [each for page in believed(crm, None) for each in page] == crm.records


def test_a_crm_that_can_not_list_is_a_setting_to_change():
    crm = Crm(3)
    crm.capabilities = frozenset()

    assert not can_list(crm)
    with pytest.raises(TellUserError, match="take crm out of HOLDERSYNC_CUSTOMERS"):
        list(believed(crm, None))


def test_a_list_that_goes_in_circles_is_ended():
    with pytest.raises(VendorChangedError, match="again and again"):
        list(believed(Crm(answer=[BelievedHolder("1")]), None))


def test_a_crm_that_is_down_says_so_and_a_strangers_mistake_is_named_without_its_words():
    with pytest.raises(UnavailableError):
        list(believed(Crm(answer=UnavailableError("down")), None))
    with pytest.raises(AbortError, match="ValueError") as told:
        list(believed(Crm(answer=ValueError("ann@example.com")), None))
    assert "ann" not in str(told.value)
    with pytest.raises(AbortError, match="did not give one BelievedHolder"):
        list(believed(Crm(answer=["cust_1"]), None))


@pytest.mark.parametrize(
    ("listed_at", "due"),
    [
        (None, True),
        (NOW - timedelta(days=1), True),
        (NOW - timedelta(hours=23), False),
        (NOW + timedelta(hours=1), True),
    ],
)
def test_it_is_listed_once_a_day_whatever_the_clock_did(listed_at, due):
    assert is_due(listed_at, NOW) is due
