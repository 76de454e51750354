"""Stories of a merchant's contacts: whatever they show, only what an unassignment is about goes.

Codes are assigned, ended and assigned anew, to several people in several campaigns and roles. The
merchant's own automation writes assignments into the CRM, or is late, or somebody types something
there. Unassignments arrive in batches, in any order, late, repeated. Everything goes through the
writer that the adapters use.
"""

from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.crm.adapter import Result
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.writer import MappedWriter, rules_of
from tests.crm.mapped.book import Book

PEOPLE = ("ann", "bob")
ALIKE = (
    ("A-1", "A-10"),
    ("A-1", "a-1"),
    ("A-1", "A-1 B"),
    ("Ä-1", "A\u0308-1"),
    ("ﬁ-1", "fi-1"),
    ("x,y", "x"),
)
"""Codes of two vouchers that somebody might take for one another."""
NEAR = (
    "{0}",
    " {0} ",
    "{0}0",
    "x{0}",
    "{0};{1}",
    "{1}; {0} ;x",
    "{0}, {1}",
    "{0} {1}",
    "\u00a0{0}",
)
"""What may stand in a field beside, made of two codes of the story."""
TEXTS = (";", " ", "", "\u00a0", "rh_1", "rh_10", "rh_100", "one", "two", "camp_one")
PLACES = (("one", "REFEREE"), ("two", "REFEREE"), ("two", "OWNER"))
"""The campaigns and roles that have a slot of their own."""


def slot_of_kind(kind, place):
    """Give the slot of a campaign and role, its fields named after them."""
    campaign, role = place
    name = f"{campaign}_{role}"
    fields = {"campaign": campaign, "role": role, "code": f"{name}_code", "clear": (f"{name}_off",)}
    held = {"holder_id": f"{name}_held"}
    by_campaign = {"campaign_field": f"{name}_campaign", "match": "code+campaign"}
    more = {
        "id": held | {"match": "holder_id"},
        "either": held,
        "code": {"set": {"ended": "{event_id}"}},
        "campaign": by_campaign,
        "list": {"multi": ";"},
        "spaced list": {"multi": ", "},
    }
    return Slot(**(fields | more[kind]))


SHOWN = ("shown", "shown", "code alone", "late")
KINDS = ("id", "either", "code", "campaign", "list", "spaced list")


@dataclass
class Assignment:
    holder_id: str
    who: str
    place: tuple
    code: str
    is_active: bool = True

    def is_like(self, other):
        """Tell whether it is of the same person and voucher as another one."""
        return (self.who, self.place, self.code) == (other.who, other.place, other.code)


@dataclass
class Shop:
    """What is true, what the CRM shows, and who wrote last into which slot."""

    slots: dict
    book: Book
    assignments: list = field(default_factory=list)
    last_written_by: dict = field(default_factory=dict)

    def row(self, who):
        return self.book.rows[f"{PEOPLE.index(who)}"]

    def assign(self, who, place, code, how):
        """Assign a code; the merchant's automation is late, shows it all, or the code alone.

        Who held that code already lost it before; that may be told to the CRM later.
        With the code alone no id of an assignment is shown, and another campaign.
        """
        made = Assignment(f"rh_1{'0' * len(self.assignments)}", who, place, code)
        for each in self.assignments:
            each.is_active = each.is_active and not each.is_like(made)
        self.assignments.append(made)
        if how != "late":
            self._show(made, is_whole=how == "shown")

    def _show(self, made, *, is_whole):
        slot, row = self.slots[made.place], self.row(made.who)
        shown = row.get(slot.code, "")
        is_added = bool(slot.multi and shown.strip())
        row[slot.code] = f"{shown}{slot.multi}{made.code}" if is_added else made.code
        row |= dict.fromkeys(slot.clear, "set")
        if slot.holder_id:
            row[slot.holder_id] = made.holder_id if is_whole else ""
        if slot.campaign_field:
            row[slot.campaign_field] = made.place[0] if is_whole else "camp_three"
        self.last_written_by[made.who, made.place] = made

    def type(self, who, place, what, text):
        """Let somebody type something into one of a contact's fields."""
        slot = self.slots[place]
        fields = [slot.code, slot.holder_id or "note", slot.campaign_field or "note", *slot.clear]
        self.row(who)[fields[what % len(fields)]] = text
        self.last_written_by.pop((who, place), None)

    def newer_than(self, old):
        """Give the newest assignment of the same person and voucher, if there is a newer one."""
        at = self.assignments.index(old)
        newer = [each.holder_id for each in self.assignments[at + 1 :] if each.is_like(old)]
        return newer[-1] if newer else None


class Unassignments:
    """Makes them of a shop's assignments."""

    def __init__(self, make, shop):
        self._make = make
        self._shop = shop
        self._of = {}

    def of(self, old, *, knows_newer):
        old.is_active = False
        self._of[old.holder_id] = old
        campaign, role = old.place
        return self._make(
            old.holder_id,
            customer_id=old.who,
            code=old.code,
            role=role,
            campaign_id=f"camp_{campaign}",
            campaign_name=campaign,
            superseded_by=self._shop.newer_than(old) if knows_newer else None,
        )

    def held_now(self, batch):
        return [
            replace(each, superseded_by=self._shop.newer_than(self._of[each.holder_id]))
            for each in batch
        ]


def tokens(slot, text):
    parts = [text] if slot.multi is None else text.split(slot.multi)
    return [part.strip() for part in parts if part.strip()]


def may_go(shop, about, before, place):
    """Tell whether this slot showed what the unassignment is about, as the documentation says."""
    slot = shop.slots[place]
    if (about.campaign_name, about.role) != place:
        return False
    held = before.get(slot.holder_id, "").strip() if slot.holder_id else ""
    if held:
        return held == about.holder_id
    shows_campaign = slot.match != "code+campaign" or before.get(
        slot.campaign_field, ""
    ).strip() in {
        about.campaign_id,
        about.campaign_name,
    }
    return (
        slot.match != "holder_id"
        and about.superseded_by is None
        and about.code in tokens(slot, before.get(slot.code, ""))
        and shows_campaign
    )


def require_only_what_they_are_about(shop, batch, before):
    for who in PEOPLE:
        old, new = before[who], shop.row(who)
        mine = [each for each in batch if each.customer_id == who]
        changed = {name for name in {*old, *new} if old.get(name, "") != new.get(name, "")}
        for place, slot in shop.slots.items():
            own = changed & {*slot.written()} - {"ended"}
            changed -= own
            reasons = [each for each in mine if may_go(shop, each, old, place)]
            assert not own or reasons, (who, place, own)
            require_the_rest_stays(slot, reasons, old, new)
        assert changed <= {"ended"}
        assert not changed or mine


def require_the_rest_stays(slot, reasons, old, new):
    was, is_now = tokens(slot, old.get(slot.code, "")), tokens(slot, new.get(slot.code, ""))
    gone = {each.code for each in reasons}
    if slot.multi:
        assert is_now == [token for token in was if token not in gone]
    else:
        assert is_now == ([] if reasons else was)
    if is_now and slot.multi:
        assert [new.get(name) for name in slot.clear] == [old.get(name) for name in slot.clear]


def require_that_what_is_held_is_shown(shop):
    """Whoever was the last to write into a slot, and still holds the code, is still shown."""
    for (who, place), made in shop.last_written_by.items():
        slot, row = shop.slots[place], shop.row(who)
        if made.is_active:
            assert made.code in tokens(slot, row[slot.code]) or slot.multi in {*made.code}
            assert not slot.holder_id or row[slot.holder_id] in {made.holder_id, ""}


FIELDS = [
    f"{campaign}_{role}_{name}"
    for campaign, role in PLACES
    for name in ("code", "held", "campaign", "off")
]


class Dice:
    """What one story is made of; drawn from a seed, so that stories are as unlike as can be.

    Much of a story is about one person, one slot and one code, where it may come to blows.
    """

    def __init__(self, seed):
        self.random = Random(seed)
        self.codes = self.random.sample(self.random.choice(ALIKE), 2)
        self.places = self.random.sample(PLACES, 2)

    def mostly_first(self, pair):
        return self.random.choice([*pair, pair[0]])

    def text(self):
        near = self.random.choice(NEAR).format(*self.random.choices(self.codes, k=2))
        noise = "".join(self.random.choices("A1-; ,\u00e4\u2003\u0301\U0001f600", k=4))
        return self.random.choice([near, near, self.random.choice(TEXTS), noise])

    def slots(self):
        return {place: slot_of_kind(self.random.choice(KINDS), place) for place in PLACES}

    def contacts(self):
        """Each shows a few things already, in fields of slots and beside them."""
        for who in PEOPLE:
            names = self.random.sample([*FIELDS, "note", "ended"], 4)
            yield {"note": ""} | {name: self.text() for name in names} | {"vid": who}

    def step(self):
        kind = self.random.choice(["assign", "assign", "type", "end", "end"])
        if kind == "end":
            return kind, [self.random.randrange(16) for _ in range(self.random.randint(1, 4))]
        who, place = self.mostly_first(PEOPLE), self.mostly_first(self.places)
        if kind == "type":
            return kind, who, place, self.random.randrange(4), self.text()
        return kind, who, place, self.mostly_first(self.codes), self.random.choice(SHOWN)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_whatever_is_shown_and_in_any_order_only_what_an_unassignment_is_about_goes(
    unassignment, seed
):
    dice = Dice(seed)
    shop = Shop(dice.slots(), Book(*dice.contacts()))
    unassignments = Unassignments(unassignment, shop)
    mapping = SlotMapping(find=("prop:vid = customer_id",), slot=tuple(shop.slots.values()))
    writer = MappedWriter(rules_of(mapping), shop.book)
    asks = dice.random.random() < 0.5
    if asks:
        # The ledger knows of nothing newer; who is asked does.
        writer.ask_by(unassignments.held_now)
    for _ in range(dice.random.randint(4, 16)):
        kind, *told = dice.step()
        if kind == "assign":
            shop.assign(*told)
        elif kind == "type":
            shop.type(*told)
        elif shop.assignments:
            numbers = [number % len(shop.assignments) for number in told[0]]
            ended = [shop.assignments[number] for number in numbers]
            for each in ended:
                each.is_active = False
            batch = [unassignments.of(each, knows_newer=not asks) for each in ended]
            end_and_look(shop, writer, batch, unassignments)


def end_and_look(shop, writer, batch, unassignments):
    before = {who: dict(shop.row(who)) for who in PEOPLE}
    results = [outcome.result for outcome in writer.unassign(batch)]

    assert Result.CONTACT_NOT_FOUND not in results
    require_only_what_they_are_about(shop, unassignments.held_now(batch), before)
    require_that_what_is_held_is_shown(shop)
    after = {who: dict(shop.row(who)) for who in PEOPLE}
    again = [outcome.result for outcome in writer.unassign(batch)]
    assert after == {who: dict(shop.row(who)) for who in PEOPLE}
    assert Result.REMOVED not in again
