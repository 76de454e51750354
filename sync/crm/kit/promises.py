"""Scenarios about what an adapter declares, and about its name and its end."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier

from sync.crm.adapter import (
    API_VERSION,
    BelievedHolder,
    Capability,
    Change,
    ClearsByCode,
    HolderId,
    ListsAssigned,
    Outcome,
    ReadsBack,
    Restores,
    Result,
    Unassignment,
    Undone,
)
from sync.crm.kit.given import Given, Trouble
from sync.crm.kit.hooks import Hooks
from sync.crm.kit.play import Play, require, same

WORKERS = 2
PATIENCE = 60.0
"""Seconds for a race to end; one that hangs fails."""
ROUNDS = 5
PAGE = 2
"""Records of a page that is listed, so that a few people are several pages."""
FIELDS_OF_ONE = 10
"""Codes that one contact may show."""


class Promises(Hooks):
    """Scenarios 13 and 17 to 22."""

    def test_13_two_workers_race(self, play: Play, kind: Trouble | None) -> None:
        """Each assignment is ended once, and nothing is cleared that came in between."""
        if kind is None:
            for _ in range(ROUNDS):
                self._both_at_once(play)
        else:
            self._overtaken(play, kind)

    def _both_at_once(self, play: Play) -> None:
        people = [play.somebody_in_the_crm() for _ in range(3)]
        batch = [play.about(each) for each in people]
        start = Barrier(WORKERS)

        def work() -> Sequence[Outcome]:
            with closing(self.make_adapter()) as adapter:
                start.wait(PATIENCE)
                return adapter.unassign(batch)

        with ThreadPoolExecutor(WORKERS) as pool:
            workers = [pool.submit(work) for _ in range(WORKERS)]
            told = [each.result(PATIENCE) for each in workers]
        for about, outcomes in zip(batch, zip(*told, strict=True), strict=True):
            results = Counter(each.result for each in outcomes)
            same(results.pop(Result.REMOVED, 0), 1, f"how many removed it, of {outcomes}")
            if Result.RETRY in results:
                play.expect(play.end(about), Result.ALREADY_REMOVED)
            else:
                same(list(results), [Result.ALREADY_REMOVED], "what the other worker is told")
        play.require_ended(*people)

    def _overtaken(self, play: Play, kind: Trouble) -> None:
        ann = play.somebody_in_the_crm()
        newer = replace(ann, code=play.new_id("NEWER-"), holder_id=play.new_id("rh_"))
        about = play.about(ann)
        with play.trouble(kind, newer):
            outcomes = play.end(about)
        untouched = {Result.SUPERSEDED, Result.ALREADY_REMOVED}
        play.expect(outcomes, {*untouched, Result.RETRY})
        same(play.held(ann)[0].code, newer.code, "the code that somebody else wrote meanwhile")
        play.expect(play.end(about, by=play.new_adapter()), untouched)
        same(play.held(ann)[0].code, newer.code, "the code that somebody else wrote")

    def test_17_it_asks_before_it_clears_by_a_code(self, play: Play) -> None:
        """What is newer is left alone, and only what rests on its code is asked about."""
        adapter = play.adapter
        require(isinstance(adapter, ClearsByCode), "who declares CLEARS_BY_CODE has `ask_by`")
        assert isinstance(adapter, ClearsByCode)  # noqa: S101 - for the type checker
        ann, bob, cid = (play.somebody_in_the_crm() for _ in range(3))
        newer = HolderId(play.new_id("rh_"))
        asked: list[Unassignment] = []

        def held_now(batch: Sequence[Unassignment]) -> Sequence[Unassignment]:
            asked.extend(batch)
            return [
                replace(each, superseded_by=newer) if each.customer_id == ann.customer_id else each
                for each in batch
            ]

        adapter.ask_by(held_now)
        before = play.now(ann, cid)
        other = play.about(cid, code=play.new_id("OLD-"), holder_id=play.new_id("rh_"))
        outcomes = play.end(play.about(ann), play.about(bob), other)
        left = {Result.SUPERSEDED, Result.ALREADY_REMOVED}
        play.expect(outcomes, Result.SUPERSEDED, Result.REMOVED, left)
        same(play.now(ann, cid), before, "what is newer")
        play.require_ended(bob)
        same(
            {each.customer_id for each in asked},
            {ann.customer_id, bob.customer_id},
            "whom it asked about",
        )

    def test_18_a_preview_tells_what_follows(self, play: Play) -> None:
        """A preview writes nothing, and `unassign` then answers just so, changes included."""
        adapter = play.adapter
        require(isinstance(adapter, ReadsBack), "who declares READS_BACK has `preview`")
        assert isinstance(adapter, ReadsBack)  # noqa: S101 - for the type checker
        ann, bob, cid = (play.somebody_in_the_crm() for _ in range(3))
        play.end(play.about(cid))
        other = play.about(bob, code=play.new_id("OLD-"), holder_id=play.new_id("rh_"))
        batch = [play.about(ann), other, play.about(cid), play.about(play.somebody())]
        before, how_many = play.now(ann, bob, cid), self.count()
        foretold = list(adapter.preview(batch))
        same(play.now(ann, bob, cid), before, "what the CRM shows after a preview")
        same(self.count(), how_many, "how many there are after a preview")
        same(foretold, play.end(*batch), "what was foretold")

    def test_19_what_was_cleared_can_be_restored(self, play: Play) -> None:
        """It is written back where the CRM shows what was left, and nowhere else."""
        adapter = play.adapter
        require(isinstance(adapter, Restores), "who declares RESTORES has `restore`")
        assert isinstance(adapter, Restores)  # noqa: S101 - for the type checker
        ann, bob = play.somebody_in_the_crm(), play.somebody_in_the_crm()
        before = play.held(ann)
        changes = [_change_of(each) for each in play.end(play.about(ann), play.about(bob))]
        cleared = play.held(ann)
        newer = replace(bob, code=play.new_id("NEWER-"), holder_id=play.new_id("rh_"))
        play.reassign(newer if play.are_slots else bob)
        of_bob = play.held(bob)
        # A record that shows its assignment again is as it was; a slot shows another one.
        left = Undone.CHANGED_SINCE if play.are_slots else Undone.ALREADY_RESTORED
        for dry_run, is_now in ((True, cleared), (False, before)):
            told = [each.result for each in adapter.restore(changes, dry_run=dry_run)]
            same(told, [Undone.RESTORED, left], f"what `restore` answers, {dry_run=}")
            same(play.held(ann), is_now, f"what the CRM shows after `restore`, {dry_run=}")
            same(play.held(bob), of_bob, "what somebody else wrote since")
        told = [each.result for each in adapter.restore(changes, dry_run=False)]
        same(told, [Undone.ALREADY_RESTORED, left], "what a repeat of `restore` answers")

    def test_20_the_destination_is_stable(self, play: Play) -> None:
        """The same account and mapping are the same destination, in a word that tells no secret."""
        one, other = play.adapter, play.new_adapter()
        same(other.destination, one.destination, "the destination of a second adapter")
        require(one.destination.split() == [one.destination], "`destination` is one word")
        require(one.place.strip(), "`place` says where that is")
        for secret in self.secrets:
            require(secret not in f"{one.destination} {one.place}", "a secret is told")
        require(
            all(isinstance(each, Capability) for each in one.capabilities),
            f"`capabilities` are of `Capability`: {one.capabilities}",
        )
        same(getattr(one, "api_version", None), API_VERSION, "`api_version`")

    def test_21_it_can_be_closed_twice(self, play: Play) -> None:
        """A second `close` changes nothing, and another adapter goes on."""
        ann = play.somebody_in_the_crm()
        adapter = play.new_adapter()
        play.expect(play.end(play.about(ann), by=adapter), Result.REMOVED)
        adapter.close()
        adapter.close()
        play.expect(play.end(play.about(ann)), Result.ALREADY_REMOVED)

    def test_22_who_is_believed_to_hold_something_is_listed(self, play: Play) -> None:
        """Each who shows an assignment comes once, page by page; whoever shows none never does."""
        people = [play.somebody_in_the_crm() for _ in range(2 * PAGE + 1)]
        ended = play.somebody_in_the_crm()
        play.expect(play.end(play.about(ended)), Result.REMOVED)
        before = play.now(*people, ended)
        listed = _listed(play, self.count())
        for each in people:
            shown = [one for one in listed if _is_of(one, each)]
            same(len(shown), 1, f"how often {each} is listed")
            if play.are_slots and self.found_by == "customer_id":
                same(shown[0].customer_id, each.customer_id, f"`customer_id` of {each}")
        require(not any(_is_of(one, ended) for one in listed), f"listed, and ended: {ended}")
        same(play.now(*people, ended), before, "what the CRM shows after it was listed")


def _listed(play: Play, most: int) -> Sequence[BelievedHolder]:
    """List page by page to the end, as a run does; `most` records are there."""
    adapter = play.adapter
    require(isinstance(adapter, ListsAssigned), "who declares LISTS_ASSIGNED has `assigned`")
    assert isinstance(adapter, ListsAssigned)  # noqa: S101 - for the type checker
    listed: list[BelievedHolder] = []
    after: str | None = None
    while page := adapter.assigned(after, PAGE):
        records = {each.record_id for each in page}
        require(len(records) <= PAGE, f"a page of {PAGE} has {len(records)} records")
        again = records & {each.record_id for each in listed}
        require(not again, "a record is listed on two pages")
        listed += page
        require(len(listed) <= most * FIELDS_OF_ONE, "the list has no end")
        after = page[-1].record_id
    return listed


def _is_of(one: BelievedHolder, given: Given) -> bool:
    if one.holder_id is not None:
        return one.holder_id == given.holder_id
    return one.code == given.code


def _change_of(outcome: Outcome) -> Change:
    change = outcome.change
    require(change is not None, f"who declares RESTORES gives its change: {outcome}")
    assert change is not None  # noqa: S101 - for the type checker
    return change
