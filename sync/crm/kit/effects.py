"""Scenarios about what an unassignment does, and what it leaves alone."""

from dataclasses import replace

from sync.crm.adapter import Result, Unassignment
from sync.crm.kit.given import Given
from sync.crm.kit.hooks import Hooks
from sync.crm.kit.play import Play, require, same

GONE = {Result.ALREADY_REMOVED, Result.ASSIGNMENT_NOT_FOUND}
NEVER_SEEN = {Result.ASSIGNMENT_NOT_FOUND, Result.CONTACT_NOT_FOUND}


class Effects(Hooks):
    """Scenarios 1 to 7, 9 and 16."""

    def test_01_a_repeat_is_harmless(self, play: Play) -> None:
        """The first call ends the assignment; the second says so, and writes nothing."""
        ann = play.somebody_in_the_crm()
        play.expect(play.end(play.about(ann)), Result.REMOVED)
        play.require_ended(ann)
        left, how_many = play.held(ann), self.count()
        again = play.end(play.about(ann), by=play.new_adapter())
        play.expect(again, Result.ALREADY_REMOVED)
        same(play.held(ann), left, "what the CRM shows after a repeat")
        same(self.count(), how_many, "how many there are after a repeat")

    def test_02_something_newer_stays(self, play: Play) -> None:
        """A newer assignment is never ended by the unassignment of an older one."""
        if play.are_slots:
            self._newer_in_the_slot(play)
        else:
            self._newer_record(play)

    def _newer_in_the_slot(self, play: Play) -> None:
        kept, other = play.somebody_in_the_crm(), play.somebody_in_the_crm()
        old, newer = play.new_id("rh_"), play.new_id("rh_")
        batch = [
            play.about(other, code=play.new_id("OLD-"), holder_id=old),
            play.about(kept, holder_id=newer, superseded_by=kept.holder_id),
        ]
        untouched = Result.SUPERSEDED
        may_be_absent = {untouched} if self.separator is None else {untouched, *GONE}
        wanted = [may_be_absent, {untouched}]
        if self.keeps_holder_id:
            batch.append(play.about(kept, holder_id=play.new_id("rh_")))
            wanted.append({untouched})
        before = play.now(kept, other)
        for about, one in zip(batch, wanted, strict=True):
            play.expect(play.end(about), one)
            same(play.now(kept, other), before, f"what is newer than {about}")

    def _newer_record(self, play: Play) -> None:
        old = play.somebody_in_the_crm()
        newer = play.somebody_in_the_crm(
            customer_id=old.customer_id,
            source_id=old.source_id,
            email=old.email,
            code=old.code,
        )
        before = play.held(newer)
        about = play.about(old, superseded_by=newer.holder_id)
        play.expect(play.end(about), Result.REMOVED)
        play.require_ended(old)
        same(play.held(newer), before, "the newer record")

    def test_03_unassigned_before_the_crm_saw_it(self, play: Play) -> None:
        """Nothing comes of an assignment that the CRM never heard of, and nothing is harmed."""
        ann = play.somebody(code="", holder_id="")
        about = play.about(ann, code=play.new_id("FRIEND-"), holder_id=play.new_id("rh_"))
        unseen = replace(ann, code=about.code, holder_id=about.holder_id)
        if play.are_slots:
            play.seed(ann)
        before = play.held(ann)
        wanted = GONE if play.are_slots else NEVER_SEEN
        for results in (wanted, GONE | wanted):
            play.expect(play.end(about), results)
            if play.are_slots:
                same(play.held(ann), before, "the contact")
            else:
                require(play.has_ended(unseen), f"it must not be shown: {play.held(unseen)}")

    def test_04_the_contact_is_missing(self, play: Play) -> None:
        """Nobody is made up, and nobody else is touched."""
        at_first = self.count()
        bob, nobody = play.somebody_in_the_crm(), play.somebody()
        before, how_many = play.held(bob), self.count()
        same(how_many, at_first + 1, "`count` after `seed` of one more")
        same(play.held(nobody), [], "what `peek` shows of somebody who was never seeded")
        wanted = {Result.CONTACT_NOT_FOUND} if play.are_slots else NEVER_SEEN
        play.expect(play.end(play.about(nobody)), wanted)
        same(play.held(bob), before, "another contact")
        if play.are_slots:
            same(play.held(nobody), [], "what the CRM shows of a contact that it doesn't have")
            same(self.count(), how_many, "how many contacts there are")
        else:
            require(play.has_ended(nobody), f"it must not be shown: {play.held(nobody)}")

    def test_05_no_email_and_no_source_id(self, play: Play) -> None:
        """What is not known finds nobody, least of all somebody who has none either."""
        for unknown in ({"email": None}, {"source_id": None}, {"email": None, "source_id": None}):
            ann = play.somebody_in_the_crm()
            decoy = play.somebody_in_the_crm(email=None, source_id=None, code=ann.code)
            before = play.now(ann, decoy)
            can_miss = play.are_slots and self.found_by in unknown
            outcomes = play.end(play.about(ann, **unknown))
            play.expect(
                outcomes,
                {Result.REMOVED, Result.CONTACT_NOT_FOUND} if can_miss else {Result.REMOVED},
            )
            same(play.held(decoy), before[1], f"another contact, with {sorted(unknown)} unknown")
            if outcomes[0].result is Result.REMOVED:
                play.require_ended(ann)
            else:
                same(play.held(ann), before[0], "a contact that was not found")

    def test_06_several_match(self, play: Play) -> None:
        """Which of them is meant would be a guess: a person decides, and none is touched."""
        ann = play.somebody_in_the_crm(copies=2)
        before = play.held(ann)
        play.expect(play.end(play.about(ann)), Result.REJECTED)
        same(play.held(ann), before, "contacts of which several match")

    def test_07_everything_else_stays(self, play: Play) -> None:
        """Other fields of the contact stay, and so do other contacts with the same code."""
        ann = play.somebody_in_the_crm()
        others = [play.somebody_in_the_crm(code=ann.code), play.somebody_in_the_crm()]
        before, of_ann = play.now(*others), play.held(ann)
        play.expect(play.end(play.about(ann)), Result.REMOVED)
        play.require_ended(ann)
        same(play.now(*others), before, "other contacts")
        after = play.held(ann)
        if after or play.are_slots:
            same(
                [each.other for each in after],
                [each.other for each in of_ann],
                "other fields of the contact",
            )

    def test_09_one_outcome_each_in_the_same_order(self, play: Play) -> None:
        """Outcomes stand in the places of what they are about, however mixed a batch is."""
        ann, bob, cid = (play.somebody_in_the_crm() for _ in range(3))
        nobody = play.about(play.somebody())
        play.end(play.about(cid))
        missing = {Result.CONTACT_NOT_FOUND} if play.are_slots else NEVER_SEEN
        outcomes = play.end(play.about(ann), nobody, play.about(cid), play.about(bob))
        play.expect(outcomes, Result.REMOVED, missing, Result.ALREADY_REMOVED, Result.REMOVED)
        gone = {Result.ALREADY_REMOVED}
        outcomes = play.end(play.about(cid), play.about(bob), nobody)
        play.expect(outcomes, gone, gone, missing | GONE)
        same(play.end(), [], "the outcomes of nothing")

    def test_16_other_codes_of_a_list_stay(self, play: Play) -> None:
        """Of a field with several codes one is taken out; order and spelling of the rest stay."""
        first, code, last = (play.new_id(f"{name}-") for name in ("Früh", "FRIEND", "last"))
        longer = f"{code}-2"
        ann = play.somebody_in_the_crm(
            code=(self.separator or "").join([first, code, longer, last]), holder_id=""
        )
        play.expect(play.end(self._of(play, ann, code)), Result.REMOVED)
        same(self._codes(play, ann), [first, longer, last], "the codes that are left")
        for near in (first[:-1], first.swapcase()):
            play.expect(play.end(self._of(play, ann, near)), GONE)
            same(self._codes(play, ann), [first, longer, last], f"what is left after {near!r}")
        batch = [self._of(play, ann, longer), self._of(play, ann, last)]
        outcomes = play.end(*batch)
        play.expect(outcomes, *[{Result.REMOVED, Result.RETRY}] * len(batch))
        for about, outcome in zip(batch, outcomes, strict=True):
            if outcome.result is Result.RETRY:
                play.expect(play.end(about), Result.REMOVED)
        same(self._codes(play, ann), [first], "the code that is left after two in one batch")

    def _of(self, play: Play, given: Given, code: str) -> Unassignment:
        return play.about(given, code=code, holder_id=play.new_id("rh_"))

    def _codes(self, play: Play, given: Given) -> list[str]:
        (held,) = play.held(given)
        return [token.strip() for token in held.code.split(self.separator or None)]
