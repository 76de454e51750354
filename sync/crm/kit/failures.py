"""Scenarios about a CRM in trouble, and about what a person gets to read."""

import logging

import pytest

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result, SizesBatches, TellUserError
from sync.crm.kit.given import DOWN, ONE_ITEM, Trouble
from sync.crm.kit.heard import Heard
from sync.crm.kit.hooks import Hooks
from sync.crm.kit.naming import SEVERAL_MATCH
from sync.crm.kit.play import Play, require, same

UNLIMITED = 25
"""A limit to exceed where a CRM has none."""
DUES = (1, 10, 1_000_000)


class Failures(Hooks):
    """Scenarios 8, 10 to 12, 14 and 15."""

    def test_08_one_item_of_a_batch_fails(self, play: Play, kind: Trouble) -> None:
        """What fails concerns its own unassignment, and the others are done."""
        ann, bob, cid = (play.somebody_in_the_crm() for _ in range(3))
        before = play.held(bob)
        failed = Result.REJECTED if kind is Trouble.WRITE_REFUSED else Result.RETRY
        with play.trouble(kind, bob):
            outcomes = play.end(*map(play.about, (ann, bob, cid)))
        play.expect(outcomes, Result.REMOVED, failed, Result.REMOVED)
        play.require_ended(ann, cid)
        same(play.held(bob), before, "the contact whose write failed")
        again = play.end(play.about(bob), by=play.new_adapter())
        play.expect(again, Result.REMOVED)
        play.require_ended(bob)

    def test_10_the_crm_is_in_trouble(self, play: Play, kind: Trouble) -> None:
        """What may work later is retried, a refused key stops all, a rule's refusal is rejected."""
        ann, bob = play.somebody_in_the_crm(), play.somebody_in_the_crm()
        batch = [play.about(ann)]
        before = play.now(ann, bob)
        if kind is not Trouble.WRITE_REFUSED:
            batch.append(play.about(bob))
        with play.trouble(kind, ann):
            adapter = play.new_adapter()
            if kind is Trouble.KEY_REFUSED:
                with pytest.raises(CredentialsRefusedError):
                    adapter.unassign(batch)
                with pytest.raises(CredentialsRefusedError):
                    adapter.check()
            else:
                is_refused = kind is Trouble.WRITE_REFUSED
                wanted = Result.REJECTED if is_refused else Result.RETRY
                play.expect(play.end(*batch, by=adapter), *[wanted] * len(batch))
        same(play.now(ann, bob), before, "what the CRM shows after the trouble")
        again = play.end(play.about(ann), by=play.new_adapter())
        play.expect(again, Result.REMOVED)
        play.require_ended(ann)

    def test_11_the_answer_is_lost(self, play: Play, kind: Trouble) -> None:
        """A write was applied and nobody heard of it: the repeat ends well and changes nothing."""
        ann, bob = play.somebody_in_the_crm(), play.somebody_in_the_crm()
        before = play.held(bob)
        with play.trouble(kind, ann):
            outcomes = play.end(play.about(ann))
        play.expect(outcomes, {Result.RETRY, Result.REMOVED, Result.ALREADY_REMOVED})
        play.require_ended(ann)
        left = play.held(ann)
        again = play.end(play.about(ann), by=play.new_adapter())
        play.expect(again, Result.ALREADY_REMOVED)
        same(play.held(ann), left, "what the CRM shows after the repeat")
        same(play.held(bob), before, "another contact")

    def test_12_each_wrong_setting_is_told_apart(self, play: Play) -> None:
        """`check` passes when all is well, writes nothing, and says what a person has to mend."""
        ann = play.somebody_in_the_crm()
        before, how_many = play.held(ann), self.count()
        for sentence in play.adapter.check():
            require(sentence.strip(), "`check` gives sentences")
        said: dict[str, str] = {}
        for wrong in self.misconfigured():
            with pytest.raises((TellUserError, CredentialsRefusedError)) as caught:
                play.closing(wrong.make()).check()
            text = str(caught.value)
            require(isinstance(caught.value, wrong.error), f"{wrong.name}: {caught.value!r}")
            for words in wrong.says:
                require(words.lower() in text.lower(), f"{wrong.name}: no {words!r} in {text!r}")
            require(text not in said, f"{wrong.name} is told as {said.get(text)} is: {text!r}")
            said[text] = wrong.name
        require(said, "`misconfigured` has to give at least one wrong setting")
        same(play.held(ann), before, "what the CRM shows after `check`")
        same(self.count(), how_many, "how many there are after `check`")

    def test_14_no_secret_is_told(self, play: Play, caplog: pytest.LogCaptureFixture) -> None:
        """No secret and no person's data in errors, reasons, logs, or what names the CRM."""
        caplog.set_level(logging.INFO)
        ann = play.somebody_in_the_crm()
        heard = Heard(self.secrets, of_a_person=[ann.email or "", ann.note])
        adapter = play.adapter
        heard.text("its names", repr(adapter), str(adapter), adapter.destination, adapter.place)
        heard.text("check", *adapter.check())
        for kind in filter(
            play.can_cause, (*DOWN, *ONE_ITEM, Trouble.KEY_REFUSED, Trouble.ANSWER_LOST)
        ):
            with play.trouble(kind, ann):
                adapter = play.new_adapter()
                heard.call(kind, adapter.check)
                outcomes = heard.call(kind, lambda: adapter.unassign([play.about(ann)]))  # noqa: B023
            heard.text(kind, *map(_shown, outcomes))
        if SEVERAL_MATCH not in self.not_proven:
            twins = play.about(play.somebody_in_the_crm(copies=2, email=ann.email, note=ann.note))
            told = heard.call("several match", lambda: play.adapter.unassign([twins]))
            heard.text("several match", *map(_shown, told))
        for wrong in self.misconfigured():
            heard.call(wrong.name, lambda: play.closing(wrong.make()).check())  # noqa: B023
        heard.text("the logs", caplog.text)

    def test_15_a_batch_larger_than_the_crm_allows(self, play: Play) -> None:
        """Any length is taken; the adapter splits inside."""
        people = [play.somebody() for _ in range(2 * (self.batch_limit or UNLIMITED) + 1)]
        play.seed(*people)
        outcomes = play.end(*map(play.about, people))
        play.expect(outcomes, *[Result.REMOVED] * len(people))
        play.require_ended(*people)
        if isinstance(play.adapter, SizesBatches):
            sizes = [play.adapter.batch_size(due) for due in DUES]
            require(all(size >= 1 for size in sizes), f"batch sizes for {DUES}: {sizes}")


def _shown(outcome: Outcome) -> str:
    return f"{outcome!r} {outcome.reason}"
