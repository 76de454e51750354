"""Adapters that each have one fault, and the scenario of the contract that has to find it.

Not collected by its name; `test_contract_kit.py` runs it, and expects failures.
"""

from dataclasses import replace
from uuid import uuid4

from sync.crm.adapter import (
    BelievedHolder,
    Capability,
    CredentialsRefusedError,
    Outcome,
    Restored,
    Result,
    TellUserError,
    Undone,
)
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.rules import Decision
from sync.crm.mapped.slots import SlotRules
from tests.crm.kit.memory import (
    BY_HOLDER,
    FIND,
    KEY,
    LISTS,
    Account,
    MemoryAdapter,
    MemoryContract,
    RecordsContract,
)


class KeepsAnActivity(MemoryAdapter):
    """Files a row of its own each time that there was nothing to do."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        for each in outcomes:
            if each.result is Result.ALREADY_REMOVED:
                self.records.crm.put(kind="activity")
        return outcomes


class GoesByCode(MemoryAdapter):
    """Clears the code though the field beside it shows another assignment."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            if shown.get("code") == about.code:
                return super().decide(about, {**shown, "rh": about.holder_id})
            return super().decide(about, shown)

    def make_rules(self):
        return self.Rules(self.mapping)


class EndsAllOfAPerson(MemoryAdapter):
    """Ends every record of the person, the newer one too."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        for about, outcome in zip(batch, outcomes, strict=True):
            if outcome.result is Result.REMOVED:
                for row in self.records.crm.rows_with(vid=about.customer_id):
                    row["status"] = "unassigned"
        return outcomes


class MarksTheUnseen(MemoryAdapter):
    """Writes the time of the end into a contact that never showed the code."""

    def unassign(self, batch):
        for about in batch:
            for row in self.records.crm.rows_with(vid=about.customer_id, code=""):
                row.setdefault("ended_at", "2026-03-02")
        return super().unassign(batch)


class MakesContacts(MemoryAdapter):
    """Makes the contact that it does not find."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        for about, outcome in zip(batch, outcomes, strict=True):
            if outcome.result is Result.CONTACT_NOT_FOUND:
                self.records.crm.put(vid=f"new {about.customer_id}")
        return outcomes


class NeedsAnEmail(MemoryAdapter):
    """Breaks where there is no e-mail address."""

    def unassign(self, batch):
        return super().unassign([replace(each, email=each.email.lower()) for each in batch])


class FindsTheNameless(MemoryAdapter):
    """Takes whoever has no id of the merchant for a person of whom none is known."""

    def unassign(self, batch):
        return super().unassign([self.found(each) for each in batch])

    def found(self, about):
        if about.source_id is None:
            for row in self.records.crm.rows_with(shop="", code=about.code):
                return replace(about, customer_id=row["vid"])
        return about


class TakesTheFirst(MemoryAdapter):
    """Takes the first of several contacts."""

    class OneHit(Account):
        def find(self, where, values, fields):
            found = super().find(where, values, fields)
            return {value: records[:1] for value, records in found.items()}

    account = OneHit


class GivesNoReason(MemoryAdapter):
    """Rejects what a person has to decide, and doesn't say what."""

    def unassign(self, batch):
        return [
            Outcome(Result.REJECTED) if "several" in (each.reason or "") else each
            for each in super().unassign(batch)
        ]


class ClearsTooMuch(MemoryAdapter):
    """Empties a field that nobody asked it to."""

    def make_rules(self):
        slot = Slot(code="code", clear=("note",))
        return SlotRules(SlotMapping(find=FIND, slot=(slot,)))


class GivesUpTogether(MemoryAdapter):
    """Answers for a whole batch as for the one that failed."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        failed = [each for each in outcomes if each.result in {Result.REJECTED, Result.RETRY}]
        return failed[:1] * len(batch) or outcomes


class AnswersByResult(MemoryAdapter):
    """Answers for those that were found first, and then for the others."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        return sorted(outcomes, key=lambda each: each.result is Result.CONTACT_NOT_FOUND)


class BreaksOnNothing(MemoryAdapter):
    """Looks at the first of a batch that has none."""

    def unassign(self, batch):
        assert batch[0].holder_id
        return super().unassign(batch)


class LetsErrorsOut(MemoryAdapter):
    """Raises what its library raises."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        if len(batch) > 1 and all(each.result is Result.RETRY for each in outcomes):
            raise ConnectionError(outcomes[0].reason)
        return outcomes


class RejectsForNow(MemoryAdapter):
    """Takes a CRM that is down for one that refuses."""

    def unassign(self, batch):
        return [
            Outcome.rejected(each.reason) if (each.reason or "").startswith("the CRM is") else each
            for each in super().unassign(batch)
        ]


class RetriesARefusedKey(MemoryAdapter):
    """Takes a refused key for a CRM that is down."""

    def unassign(self, batch):
        try:
            return super().unassign(batch)
        except CredentialsRefusedError as error:
            return [Outcome.retry(str(error))] * len(batch)


class GivesUpOnALostAnswer(MemoryAdapter):
    """Takes a write without an answer for one that was refused."""

    def unassign(self, batch):
        return [
            Outcome.rejected(each.reason) if each.reason == "no answer came" else each
            for each in super().unassign(batch)
        ]


class SaysTheSameOfAll(MemoryAdapter):
    """Tells every wrong setting in the same words."""

    def check(self):
        said = "the CRM refuses the key of MEMORY_KEY, or has no such field as MEMORY_MAPPING says"
        try:
            return super().check()
        except (TellUserError, CredentialsRefusedError) as error:
            raise type(error)(said) from None


class ChecksByWriting(MemoryAdapter):
    """Proves its rights by making a contact."""

    def check(self):
        self.records.crm.put(kind="trial")
        return super().check()


class ReadsThenWrites(MemoryAdapter):
    """Says that the CRM compares, and writes whatever it shows by now."""

    class Blind(Account):
        def write(self, changes):
            now = [replace(each, before={}) for each in changes]
            return super().write(now)

    account = Blind


class ShowsItsKey(MemoryAdapter):
    """Is a dataclass, more or less: its `repr` shows all of its settings."""

    def __repr__(self):
        return f"ShowsItsKey(key={KEY!r})"


class RepeatsTheUrl(MemoryAdapter):
    """Repeats in a reason the URL, in which the key stands."""

    def unassign(self, batch):
        return [
            Outcome.retry(f"{each.reason}: GET /?key={KEY}")
            if each.result is Result.RETRY
            else each
            for each in super().unassign(batch)
        ]


class HidesWhatItCameFrom(MemoryAdapter):
    """Says nothing of the key, and lets the error that it came from say it."""

    def check(self):
        try:
            return super().check()
        except CredentialsRefusedError as error:
            raise CredentialsRefusedError(str(error)) from ValueError(f"401 for {KEY}")


class SendsAllAtOnce(MemoryAdapter):
    """Doesn't split a batch."""

    class Whole(Account):
        at_once = 1000

    account = Whole


class SendsTheFirst(MemoryAdapter):
    """Sends as many as the CRM takes, and is done."""

    def unassign(self, batch):
        at_once = self.records.at_once
        return [
            *super().unassign(batch[:at_once]),
            *[Outcome(Result.REMOVED)] * len(batch[at_once:]),
        ]


class WantsNothing(MemoryAdapter):
    """Wants batches of none."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.capabilities |= {Capability.SIZES_BATCHES}

    def batch_size(self, due):
        return due // 10


class ClearsTheList(MemoryAdapter):
    """Empties a field of several codes for one of them."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            decision = super().decide(about, shown)
            changes = {
                name: "" if name == "code" else text for name, text in decision.changes.items()
            }
            return Decision(decision.outcome, changes)

    def make_rules(self):
        return self.Rules(self.mapping)


class TakesTheBeginning(MemoryAdapter):
    """Takes a code that only begins like the one that is meant."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            codes = [each for each in shown["code"].split(";") if each.startswith(about.code)]
            return super().decide(replace(about, code=codes[0] if codes else about.code), shown)

    def make_rules(self):
        return self.Rules(self.mapping)


class SortsTheList(MemoryAdapter):
    """Puts the codes that stay into an order of its own."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            decision = super().decide(about, shown)
            changes = {
                name: ";".join(sorted(text.split(";"))) if name == "code" else text
                for name, text in decision.changes.items()
            }
            return Decision(decision.outcome, changes)

    def make_rules(self):
        return self.Rules(self.mapping)


class TakesTheLonger(MemoryAdapter):
    """Takes out, beside the code, all that begin with it."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            decision = super().decide(about, shown)
            changes = dict(decision.changes)
            if "code" in changes:
                codes = changes["code"].split(";")
                changes["code"] = ";".join(c for c in codes if not c.startswith(about.code))
            return Decision(decision.outcome, changes)

    def make_rules(self):
        return self.Rules(self.mapping)


class FoldsTheCase(MemoryAdapter):
    """Takes a code for another one that is written in other letters."""

    class Rules(SlotRules):
        def decide(self, about, shown):
            same = [each for each in shown["code"].split(";") if each.lower() == about.code.lower()]
            return super().decide(replace(about, code=same[0] if same else about.code), shown)

    def make_rules(self):
        return self.Rules(self.mapping)


class WritesWhatItReadFirst(MemoryAdapter):
    """Takes out each code of a batch from what the field showed before the batch."""

    def unassign(self, batch):
        rows = self.records.crm.rows
        read = {record_id: row.get("code", "") for record_id, row in rows.items()}
        outcomes = []
        for each in batch:
            now = {record_id: row.get("code", "") for record_id, row in rows.items()}
            for record_id, row in rows.items():
                row["code"] = read[record_id]
            outcomes += super().unassign([each])
            for record_id, row in rows.items():
                if row["code"] == read[record_id]:
                    row["code"] = now[record_id]
        return outcomes


class NamesThePerson(MemoryAdapter):
    """Says whom it would not guess, by the e-mail address."""

    def unassign(self, batch):
        outcomes = super().unassign(batch)
        return [
            Outcome.rejected(f"several match {about.email}")
            if outcome.result is Result.REJECTED and "several" in outcome.reason
            else outcome
            for about, outcome in zip(batch, outcomes, strict=True)
        ]


class NeverAsks(MemoryAdapter):
    """Takes what it is to ask by, and doesn't."""

    def ask_by(self, held_now):
        pass


class AsksAboutAll(MemoryAdapter):
    """Asks about every customer of a batch."""

    def ask_by(self, held_now):
        self.held_now = held_now

    def unassign(self, batch):
        held_now = getattr(self, "held_now", None)
        return super().unassign(held_now(batch) if held_now else batch)


class PreviewsByWriting(MemoryAdapter):
    """Foretells by doing."""

    def preview(self, batch):
        return super().unassign(batch)


class ForetellsTheBest(MemoryAdapter):
    """Foretells that all will be removed."""

    def preview(self, batch):
        return [Outcome(Result.REMOVED)] * len(batch)


class RestoresBlindly(MemoryAdapter):
    """Writes back whatever the CRM shows by now."""

    def restore(self, changes, *, dry_run):
        if not dry_run:
            for each in changes:
                self.records.crm.rows[each.record_id].update(each.before)
        return [Restored(Undone.RESTORED)] * len(changes)


class RestoresInADryRun(MemoryAdapter):
    """Does what it was only to tell."""

    def restore(self, changes, *, dry_run):
        assert dry_run in {True, False}
        return super().restore(changes, dry_run=False)


class PromisesToRestore(MemoryAdapter):
    """Declares what it doesn't have."""

    restore = None


class IsAnotherEachTime(MemoryAdapter):
    """Has a new destination with each start."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.destination = f"memory-{uuid4().hex[:8]}"


class ClosesOnce(MemoryAdapter):
    """Fails when it is closed again."""

    is_open = True

    def close(self):
        if not self.is_open:
            msg = "closed already"
            raise RuntimeError(msg)
        self.is_open = False


class LeavesOutTheLastPage(MemoryAdapter):
    """Takes a page that is not full for the end."""

    def assigned(self, after, at_most):
        page = super().assigned(after, at_most)
        return page if len(page) == at_most else []


class ListsWhatHasEnded(MemoryAdapter):
    """Lists every record, whatever its status."""

    def assigned(self, after, at_most):
        records = self.records.page(after, at_most, ["rh"], ["rh"])
        return [BelievedHolder(each.record_id, None, each.fields["rh"]) for each in records]


class ListsFromTheFirst(MemoryAdapter):
    """Takes no notice of the place from which it is to go on."""

    def assigned(self, _after, at_most):
        return super().assigned(None, at_most)


class NamesSomebodyElse(MemoryAdapter):
    """Gives its own id of a contact for the customer's."""

    def assigned(self, after, at_most):
        listed = super().assigned(after, at_most)
        return [replace(each, customer_id=each.record_id) for each in listed]


class PromisesToList(MemoryAdapter):
    """Declares what it doesn't have."""

    assigned = None


class OfCodes(MemoryContract):
    not_proven = {16: "the field keeps one code"}


class OfHolderIds(MemoryContract):
    mapping = BY_HOLDER
    keeps_holder_id = True
    not_proven = {16: "the field keeps one code", 17: "nothing is cleared by its code alone"}


class OfLists(MemoryContract):
    mapping = LISTS
    separator = ";"


class OfRecords(RecordsContract):
    not_proven = {16: "a record has one code", 17: "nothing is cleared by its code alone"}


WRONG = {
    KeepsAnActivity: (OfCodes, 1),
    GoesByCode: (OfHolderIds, 2),
    EndsAllOfAPerson: (OfRecords, 2),
    MarksTheUnseen: (OfCodes, 3),
    MakesContacts: (OfCodes, 4),
    NeedsAnEmail: (OfCodes, 5),
    FindsTheNameless: (OfCodes, 5),
    TakesTheFirst: (OfCodes, 6),
    GivesNoReason: (OfCodes, 6),
    ClearsTooMuch: (OfCodes, 7),
    GivesUpTogether: (OfCodes, 8),
    AnswersByResult: (OfCodes, 9),
    BreaksOnNothing: (OfRecords, 9),
    LetsErrorsOut: (OfCodes, 10),
    RejectsForNow: (OfCodes, 10),
    RetriesARefusedKey: (OfCodes, 10),
    GivesUpOnALostAnswer: (OfCodes, 11),
    SaysTheSameOfAll: (OfCodes, 12),
    ChecksByWriting: (OfCodes, 12),
    ReadsThenWrites: (OfCodes, 13),
    ShowsItsKey: (OfCodes, 14),
    RepeatsTheUrl: (OfCodes, 14),
    HidesWhatItCameFrom: (OfCodes, 14),
    NamesThePerson: (OfCodes, 14),
    SendsAllAtOnce: (OfCodes, 15),
    SendsTheFirst: (OfRecords, 15),
    WantsNothing: (OfCodes, 15),
    ClearsTheList: (OfLists, 16),
    TakesTheBeginning: (OfLists, 16),
    SortsTheList: (OfLists, 16),
    TakesTheLonger: (OfLists, 16),
    FoldsTheCase: (OfLists, 16),
    WritesWhatItReadFirst: (OfLists, 16),
    NeverAsks: (OfCodes, 17),
    AsksAboutAll: (OfCodes, 17),
    PreviewsByWriting: (OfCodes, 18),
    ForetellsTheBest: (OfCodes, 18),
    RestoresBlindly: (OfCodes, 19),
    RestoresInADryRun: (OfCodes, 19),
    PromisesToRestore: (OfCodes, 19),
    IsAnotherEachTime: (OfCodes, 20),
    ClosesOnce: (OfCodes, 21),
    LeavesOutTheLastPage: (OfCodes, 22),
    ListsWhatHasEnded: (OfRecords, 22),
    ListsFromTheFirst: (OfCodes, 22),
    NamesSomebodyElse: (OfCodes, 22),
    PromisesToList: (OfCodes, 22),
}
"""Each with the contract that it is to keep, and the scenario that its fault is about."""

for _adapter, (_contract, _) in WRONG.items():
    _name = f"Test{_adapter.__name__}"
    globals()[_name] = type(_name, (_contract,), {"adapter": _adapter})
