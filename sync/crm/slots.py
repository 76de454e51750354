"""What an unassignment means for the fields of one contact; no I/O.

A slot is cleared only if it shows this very assignment or, where it holds no id of one, exactly
this code while nothing newer is known. Everything else is left as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync.crm.adapter import Outcome, Result, Unassignment
from sync.crm.mapping import ANY_CAMPAIGN, Slot, SlotMapping

Fields = Mapping[str, str]
"""A contact's fields by name; one that is empty or missing reads as an empty text."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
NOT_MAPPED = Outcome(Result.ASSIGNMENT_NOT_FOUND, "the mapping has no slot for this campaign")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is answered, and which fields become what; an empty text clears."""

    outcome: Outcome
    changes: Fields


def slot_of(mapping: SlotMapping, about: Unassignment) -> Slot | Outcome:
    """Give the first slot for the campaign and role of an unassignment, or why there is none."""
    of_campaign = [
        slot
        for slot in mapping.slot
        if slot.campaign in {ANY_CAMPAIGN, about.campaign_id, about.campaign_name}
    ]
    for slot in of_campaign:
        if slot.role == about.role:
            return slot
    if of_campaign:
        return Outcome.rejected(f"role_not_mapped: no slot of the mapping is for {about.role}")
    return NOT_MAPPED


def decide(slot: Slot, about: Unassignment, shown: Fields) -> Decision:
    """Decide what an unassignment changes in a contact that shows these fields."""
    result = _result(slot, about, shown)
    changes = _changes(slot, about, shown) if result is Result.REMOVED else {}
    return Decision(Outcome(result), changes)


def _result(slot: Slot, about: Unassignment, shown: Fields) -> Result:
    codes = _codes(slot, shown)
    if slot.holder_id is not None:
        holder_id = _text(shown, slot.holder_id)
        if holder_id:
            return Result.REMOVED if holder_id == about.holder_id else Result.SUPERSEDED
    if about.code.strip() not in codes:
        return Result.SUPERSEDED if codes and not slot.multi else Result.ALREADY_REMOVED
    if about.superseded_by is not None or not _is_of_campaign(slot, about, shown):
        return Result.SUPERSEDED
    return Result.REMOVED


def _is_of_campaign(slot: Slot, about: Unassignment, shown: Fields) -> bool:
    if slot.match != "code+campaign" or slot.campaign_field is None:
        return True
    return _text(shown, slot.campaign_field) in {about.campaign_id, about.campaign_name}


def _changes(slot: Slot, about: Unassignment, shown: Fields) -> Fields:
    left = _without_code(slot, about, shown)
    changes = {slot.code: left}
    if not left:
        emptied = filter(None, (slot.holder_id, slot.campaign_field, *slot.clear))
        changes |= dict.fromkeys(emptied, "")
    return changes | {field: _filled(text, about) for field, text in slot.set.items()}


def _without_code(slot: Slot, about: Unassignment, shown: Fields) -> str:
    """Take the code out of a list, with what separated it; order and spelling of the rest stay.

    Every time that it stands there, since a repeat must change nothing.
    """
    if slot.multi is None:
        return ""
    tokens = shown.get(slot.code, "").split(slot.multi)
    kept = [token for token in tokens if token.strip() != about.code.strip()]
    left = slot.multi.join(kept)
    # The space behind a separator goes with what stood before it.
    return left if kept[:1] == tokens[:1] and left.strip() else left.strip()


def _codes(slot: Slot, shown: Fields) -> list[str]:
    text = shown.get(slot.code, "")
    tokens = [text] if slot.multi is None else text.split(slot.multi)
    return [token.strip() for token in tokens if token.strip()]


def _text(shown: Fields, field: str) -> str:
    return shown.get(field, "").strip()


def _filled(template: str, about: Unassignment) -> str:
    at = about.unassigned_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {
        "unassigned_at": at,
        "event_id": about.event_id,
        "holder_id": about.holder_id,
        "code": about.code,
        "voucher_id": about.voucher_id,
        "campaign_id": about.campaign_id or "",
        "role": about.role,
    }
    return _PLACEHOLDER.sub(lambda match: told[match[1]], template)
