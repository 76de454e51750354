"""What an unassignment means for the slots of one contact; no I/O.

A slot is cleared only if it shows this very assignment or, where it holds no id of one, exactly
this code while nothing newer is known. Everything else is left as it is.
"""

from sync.crm.adapter import Fields, Outcome, Result, Unassignment
from sync.crm.mapped.filling import filled, fixed_fields
from sync.crm.mapped.mapping import ANY_CAMPAIGN, FindRule, Slot, SlotMapping
from sync.crm.mapped.rules import Decision, text_of

NOT_MAPPED = Outcome(Result.ASSIGNMENT_NOT_FOUND, "the mapping has no slot for this campaign")
SPLIT = Outcome.rejected("the code holds what separates the codes of its field: take it out there")
SEVERAL = Outcome.rejected("several contacts match: see which of them is the right one")


class SlotRules:
    """The rules of a mapping of slots."""

    nobody = Outcome(Result.CONTACT_NOT_FOUND)
    several = SEVERAL

    def __init__(self, mapping: SlotMapping) -> None:
        self._mapping = mapping
        self.find: tuple[FindRule, ...] = mapping.find
        self.fields: tuple[str, ...] = mapping.fields()
        self.told = frozenset(name for slot in mapping.slot for name in slot.set)
        self.fixed = fixed_fields(slot.set for slot in mapping.slot)

    def answered(self, about: Unassignment) -> Outcome | None:
        """Give the answer to what has no slot, or can't be seen in one."""
        chosen = slot_of(self._mapping, about)
        if isinstance(chosen, Outcome):
            return chosen
        return SPLIT if chosen.multi is not None and chosen.multi in about.code.strip() else None

    def rests_on_code(self, about: Unassignment, shown: Fields) -> bool:
        """Tell whether a slot would be cleared that holds nothing but a code."""
        slot = slot_of(self._mapping, about)
        if isinstance(slot, Outcome) or _holds_an_id(slot, shown):
            return False
        return _result(slot, about, shown) is Result.REMOVED

    def decide(self, about: Unassignment, shown: Fields) -> Decision:
        """Decide what an unassignment changes in a contact that shows these fields."""
        slot = slot_of(self._mapping, about)
        return Decision(slot, {}) if isinstance(slot, Outcome) else decide(slot, about, shown)


def slot_of(mapping: SlotMapping, about: Unassignment) -> Slot | Outcome:
    """Give the first slot for the campaign and role of an unassignment, or why there is none."""
    fitting = {ANY_CAMPAIGN, *_campaign_of(about)}
    of_campaign = [slot for slot in mapping.slot if slot.campaign in fitting]
    for slot in of_campaign:
        if slot.role == about.role.strip().upper():
            return slot
    if of_campaign:
        return Outcome.rejected(f"role_not_mapped: no slot of the mapping is for {about.role}")
    return NOT_MAPPED


def decide(slot: Slot, about: Unassignment, shown: Fields) -> Decision:
    """Decide what an unassignment changes in a slot that shows these fields."""
    result = _result(slot, about, shown)
    changes = _changes(slot, about, shown) if result is Result.REMOVED else {}
    return Decision(Outcome(result), changes)


def _result(slot: Slot, about: Unassignment, shown: Fields) -> Result:
    codes = codes_in(slot, shown)
    if _holds_an_id(slot, shown):
        is_this = text_of(shown, slot.holder_id) == about.holder_id
        return Result.REMOVED if is_this else Result.SUPERSEDED
    if about.code.strip() not in codes:
        return Result.SUPERSEDED if codes and not slot.multi else Result.ALREADY_REMOVED
    if slot.match == "holder_id" or about.superseded_by is not None:
        return Result.SUPERSEDED
    return Result.REMOVED if _is_of_campaign(slot, about, shown) else Result.SUPERSEDED


def _holds_an_id(slot: Slot, shown: Fields) -> bool:
    return bool(text_of(shown, slot.holder_id))


def _is_of_campaign(slot: Slot, about: Unassignment, shown: Fields) -> bool:
    if slot.match != "code+campaign":
        return True
    return text_of(shown, slot.campaign_field) in _campaign_of(about)


def _campaign_of(about: Unassignment) -> set[str]:
    """Give what names the campaign; nothing where it is not known."""
    named = ((name or "").strip() for name in (about.campaign_id, about.campaign_name))
    return set(filter(None, named))


def _changes(slot: Slot, about: Unassignment, shown: Fields) -> Fields:
    left = _without_code(slot, about, shown)
    changes = {slot.code: left}
    if not left:
        emptied = filter(None, (slot.holder_id, slot.campaign_field, *slot.clear))
        changes |= dict.fromkeys(emptied, "")
    return changes | {field: filled(text, about) for field, text in slot.set.items()}


def _without_code(slot: Slot, about: Unassignment, shown: Fields) -> str:
    """Take the code out of a list, with what separated it; order and spelling of the rest stay.

    Every time that it stands there, since a repeat must change nothing.
    """
    if slot.multi is None:
        return ""
    tokens = shown.get(slot.code, "").split(slot.multi)
    kept = [token for token in tokens if token.strip() != about.code.strip()]
    if not any(token.strip() for token in kept):
        return ""
    left = slot.multi.join(kept)
    # The space behind a separator goes with what stood before it.
    return left if kept[:1] == tokens[:1] else left.strip()


def codes_in(slot: Slot, shown: Fields) -> list[str]:
    """Give the codes that a slot shows."""
    text = shown.get(slot.code, "")
    tokens = [text] if slot.multi is None else text.split(slot.multi)
    return [token.strip() for token in tokens if token.strip()]
