"""Whom the records of a CRM show to hold something, as a mapping says; knows no vendor."""

from collections.abc import Sequence
from typing import Protocol

from sync.crm.adapter import BelievedHolder, CustomerId, Fields, HolderId
from sync.crm.mapped.mapping import Mapped, RecordMapping, SlotMapping
from sync.crm.mapped.records import has_ended
from sync.crm.mapped.rules import text_of
from sync.crm.mapped.slots import codes_in
from sync.crm.mapped.writer import CrmBusyError, Record
from sync.errors import UnavailableError, VendorChangedError


class Pages(Protocol):
    """The records of one kind in one CRM account, in the order of their own ids."""

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the records behind one, or the first ones; none is the end.

        Of `shows`, whoever holds something has one that is not empty: a CRM may leave out the
        others. Raises as `Records` does.
        """


class Beliefs:
    """What a record shows, by one mapping.

    Attributes:
        fields: what is read of each record.
        shows: fields of which one at least is not empty where something is held.
    """

    def __init__(self, mapping: Mapped) -> None:
        self._mapping = mapping
        self._customer = _customer_field(mapping)
        kept = _kept_in(mapping)
        self.shows: tuple[str, ...] = tuple(dict.fromkeys(kept))
        read = [*kept, *_ended_in(mapping), *filter(None, [self._customer])]
        self.fields: tuple[str, ...] = tuple(dict.fromkeys(read))

    def of(self, record: Record) -> Sequence[BelievedHolder]:
        """Give what a record shows to be held, each once."""
        who = self._customer_of(record)
        if isinstance(self._mapping, RecordMapping):
            held = _in_record(self._mapping, record.fields)
        else:
            held = _in_slots(self._mapping, record.fields)
        return [
            BelievedHolder(
                record.record_id,
                CustomerId(who) if who else None,
                HolderId(holder_id) if holder_id else None,
                code or None,
            )
            for holder_id, code in dict.fromkeys(held)
        ]

    def _customer_of(self, record: Record) -> str:
        if self._customer is not None:
            return text_of(record.fields, self._customer)
        return record.record_id if _is_found_by_id(self._mapping) else ""


def assigned(
    records: Pages, mapping: Mapped, after: str | None, at_most: int
) -> Sequence[BelievedHolder]:
    """Give who is believed to hold something, in the records behind `after`; none is the end.

    Raises:
        UnavailableError: the CRM can't be listed now.
        VendorChangedError: its list goes in circles.
    """
    beliefs = Beliefs(mapping)
    place = after
    while True:
        try:
            page = records.page(place, at_most, beliefs.fields, beliefs.shows)
        except CrmBusyError as busy:
            msg = f"the CRM can't be listed now: {busy}"
            raise UnavailableError(msg) from None
        found = [each for record in page for each in beliefs.of(record)]
        if found or not page:
            return found
        if page[-1].record_id == place:
            msg = "the CRM lists the same record again and again"
            raise VendorChangedError(msg)
        place = page[-1].record_id


def _customer_field(mapping: Mapped) -> str | None:
    if isinstance(mapping, RecordMapping):
        return mapping.record.customer_id
    named = (rule.field for rule in mapping.find if rule.known == "customer_id")
    return next(filter(None, named), None)


def _is_found_by_id(mapping: Mapped) -> bool:
    """Tell whether the CRM's own id of a contact is the customer's in Voucherify."""
    if isinstance(mapping, RecordMapping):
        return False
    return any(rule.field is None and rule.known == "customer_id" for rule in mapping.find)


def _kept_in(mapping: Mapped) -> list[str]:
    if isinstance(mapping, RecordMapping):
        return [mapping.record.holder_id]
    return [name for slot in mapping.slot for name in (slot.code, slot.holder_id) if name]


def _ended_in(mapping: Mapped) -> list[str]:
    if not isinstance(mapping, RecordMapping):
        return []
    record = mapping.record
    return [record.status] if record.status else list(record.clear)


def _in_record(mapping: RecordMapping, shown: Fields) -> list[tuple[str, str]]:
    holder_id = text_of(shown, mapping.record.holder_id)
    return [(holder_id, "")] if holder_id and not has_ended(mapping.record, shown) else []


def _in_slots(mapping: SlotMapping, shown: Fields) -> list[tuple[str, str]]:
    held: list[tuple[str, str]] = []
    for slot in mapping.slot:
        holder_id = text_of(shown, slot.holder_id)
        codes = codes_in(slot, shown)
        held += (
            [(holder_id, code) for code in codes] if codes else [(holder_id, "")][: bool(holder_id)]
        )
    return held
