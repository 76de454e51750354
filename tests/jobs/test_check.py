"""Looking at everything before the first run."""

import pytest

from sync.crm.adapter import Capability, Change, Outcome, Result
from sync.errors import CredentialsRefusedError, ParkError, TellUserError
from sync.jobs.check import CheckResult, check_crm, check_ledger, check_sample, check_voucherify


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


class Crm:
    """A CRM that can say beforehand what it would answer."""

    destination = "memory-1"
    place = "the memory of this test"
    capabilities = frozenset({Capability.READS_BACK})

    def __init__(self, *outcomes, error=None, not_proven=()):
        self._outcomes, self._error, self._not_proven = outcomes, error, not_proven

    def check(self):
        if self._error is not None:
            raise self._error
        return self._not_proven

    def preview(self, _batch):
        if self._error is not None:
            raise self._error
        return self._outcomes


class CodeOnly(Crm):
    capabilities = frozenset({Capability.READS_BACK, Capability.CLEARS_BY_CODE})


def test_what_a_crm_could_not_prove_stands_by_itself():
    finding = check_crm(Crm(not_proven=["whether it may write", "which plan it is"]))

    assert finding.not_proven == ("whether it may write", "which plan it is")
    assert "may write" not in finding.text


def test_a_sample_tells_record_and_names_of_fields_and_no_value(unassignment):
    change = Change("17", {"code": "FRIEND-1", "mail": "ann@example.com"}, {"code": "", "mail": ""})
    removed = Outcome(Result.REMOVED, change=change)
    deleted = Outcome(Result.REMOVED, change=Change("18", {"code": "FRIEND-1"}, {}))
    batch = [unassignment(f"rh_{number}") for number in range(3)]

    finding, sample = check_sample(Crm(removed, deleted, Outcome.rejected("locked")), batch)

    assert finding.exit_code == 0
    assert [each.outcome for each in sample] == ["removed", "removed", "rejected"]
    assert [each.record_id for each in sample] == ["17", "18", None]
    assert [each.fields for each in sample] == [("code", "mail"), (), None]
    assert [each.deletes for each in sample] == [False, True, False]
    assert [each.reason for each in sample] == [None, None, "locked"]
    assert "ann@example.com" not in repr((finding, sample))


def test_a_contact_that_is_missing_may_be_so_for_want_of_an_address_that_is_not_kept(unassignment):
    missing = Outcome(Result.CONTACT_NOT_FOUND)
    batch = [unassignment("rh_1"), unassignment("rh_2", email="ann@example.com")]

    _, (without, with_address) = check_sample(Crm(missing, missing), batch)

    assert "e-mail address" in without.reason
    assert with_address.reason is None


def test_what_is_asked_of_voucherify_only_by_a_run_is_not_proven(unassignment):
    finding, _ = check_sample(CodeOnly(Outcome(Result.REMOVED)), [unassignment()])

    (sentence,) = finding.not_proven
    assert "a run asks that" in sentence


def test_without_an_unassignment_or_a_way_to_look_that_is_said(unassignment):
    blind = Crm()
    blind.capabilities = frozenset()

    empty, nothing = check_sample(Crm(), [])
    unseen, neither = check_sample(blind, [unassignment()])

    assert (nothing, neither) == ((), ())
    assert "no unassignment yet" in empty.text
    assert "can't look without writing" in unseen.not_proven[0]
    assert (empty.exit_code, unseen.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CredentialsRefusedError("check the key"), 77),
        (TellUserError("make the field"), 78),
        (KeyError("ann@example.com"), 70),
        (SystemExit("ann@example.com"), 70),
    ],
)
def test_a_crm_that_fails_is_one_finding_among_others(unassignment, error, code):
    finding, sample = check_sample(Crm(error=error), [unassignment()])

    assert (finding.what, finding.exit_code, sample) == ("sample", code, ())
    assert check_crm(Crm(error=error)).exit_code == code
    assert "ann@example.com" not in finding.text + check_crm(Crm(error=error)).text


def test_a_crm_that_answers_too_little_is_one_finding_too(unassignment):
    finding, _ = check_sample(Crm(Outcome(Result.REMOVED)), [unassignment(), unassignment("rh_2")])

    assert finding.exit_code == 70


def test_a_crm_that_can_take_nothing_now_is_unavailable(unassignment):
    finding, (sampled,) = check_sample(Crm(Outcome.retry("busy")), [unassignment()])

    assert finding.exit_code == 69
    assert (sampled.outcome, sampled.reason) == ("retry", "busy")


def test_a_stop_is_no_finding(unassignment):
    stop = ParkError("stopped by a signal", by="signal")

    with pytest.raises(ParkError):
        check_sample(Crm(error=stop), [unassignment()])
