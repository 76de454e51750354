"""Looking at everything before the first run."""

import pytest

from sync.errors import CredentialsRefusedError, TellUserError
from sync.jobs.check import CheckResult, check_crm, check_ledger, check_voucherify


class Lister:
    def __init__(self, page=None, error=None):
        self._page, self._error = page, error

    def first_answer(self):
        if self._error is not None:
            raise self._error
        return self._page


class Answered:
    def __init__(self, total):
        self.total = total


class Place:
    destination = "memory-1"
    place = "the memory of this test"

    def __init__(self, error=None):
        self._error = error

    def check(self):
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize(("total", "told"), [(7, "has 7 customers"), (None, "an unknown number")])
def test_a_key_that_is_accepted_is_told_with_the_number_of_customers(total, told):
    finding = check_voucherify(Lister(Answered(total)))

    assert (finding.what, finding.exit_code) == ("voucherify", 0)
    assert told in finding.text


def test_what_is_not_as_it_should_be_has_an_exit_code_and_the_next_step():
    refused = CredentialsRefusedError("check the key")
    wrong = TellUserError("make the table")

    assert check_voucherify(Lister(error=refused)) == CheckResult("voucherify", "check the key", 77)
    assert check_crm(Place(wrong)) == CheckResult("crm", "make the table", 78)


def test_a_crm_that_can_be_used_is_named():
    finding = check_crm(Place())

    assert (finding.what, finding.exit_code) == ("crm", 0)
    assert "memory-1" in finding.text


def test_the_ledger_s_own_words_are_told():
    assert check_ledger(lambda: "it can be used") == CheckResult("ledger", "it can be used")


def test_a_bug_is_no_finding():
    def broken():
        raise KeyError

    with pytest.raises(KeyError):
        check_ledger(broken)
