"""The properties of HubSpot's objects, and whether they fit what a mapping wants of them.

Source: HubSpot developer documentation, "CRM API | Properties" (2026-09), and its changelog of
22 May 2023: a choice takes its own options only, a number no separators.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sync.crm.adapter import (
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    TellUserError,
    Unassignment,
    VoucherId,
)
from sync.crm.hubspot.api import VERSION, HubSpotApi, RefusedError, rows_of
from sync.crm.mapped.believing import Beliefs
from sync.crm.mapped.filling import filled
from sync.crm.mapped.mapping import Mapped, Slot, SlotMapping

EMAIL = "email"
"""The one property of contacts that finds one at most, and is not called unique."""
NAMES_OF_CONTACTS = frozenset({"contacts", "contact", "0-1"})
SEVERAL_OPTIONS = ";"
DAY_IN_MS = 86_400_000
EXAMPLE = Unassignment(
    holder_id=HolderId("rh_0"),
    event_id=EventId("evcus_0"),
    role="REFEREE",
    customer_id=CustomerId("cust_0"),
    source_id=None,
    email=None,
    voucher_id=VoucherId("v_0"),
    code="CODE-0",
    campaign_id=CampaignId("camp_0"),
    campaign_name=None,
    assigned_at=datetime(2026, 1, 2, tzinfo=UTC),
    unassigned_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
"""What a text of `set` is filled with, to see whether it fits."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a mapping wants of properties: the texts that it writes, and those it finds by.

    `may_search`: what is not found is asked for again, so it may be found by a search, whose index
    comes behind. `listed` are read of whoever is believed to hold something.
    """

    written: Mapping[str, Sequence[str]]
    found_by: Sequence[str]
    may_search: bool
    listed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """One property; without `options` a choice has them elsewhere."""

    kind: str
    is_unique: bool
    is_writable: bool
    options: frozenset[str]


def wanted_by(mapping: Mapped) -> Wanted:
    """Say what a mapping wants of properties."""
    if isinstance(mapping, SlotMapping):
        parts: Sequence[Mapping[str, str]] = [_written_by(slot) for slot in mapping.slot]
        found_by = [rule.field for rule in mapping.find if rule.field]
    else:
        record = mapping.record
        status = {record.status: record.ended} if record.status else {}
        parts = [status | dict.fromkeys(record.clear, "") | dict(record.set)]
        found_by = [record.holder_id]
    names = dict.fromkeys(name for part in parts for name in part)
    written = {name: [part[name] for part in parts if name in part] for name in names}
    may_search = isinstance(mapping, SlotMapping)
    return Wanted(written, list(dict.fromkeys(found_by)), may_search, Beliefs(mapping).fields)


def _written_by(slot: Slot) -> Mapping[str, str]:
    own = filter(None, (slot.code, slot.holder_id, slot.campaign_field))
    return dict.fromkeys([*own, *slot.clear], "") | dict(slot.set)


class Properties:
    """The properties of one kind of objects; asked for when they are first needed, and once.

    Args:
        api: asks the account.
        object_type: what HubSpot calls these objects.
        wanted: what the mapping wants of them.
    """

    def __init__(self, api: HubSpotApi, object_type: str, wanted: Wanted) -> None:
        self._api = api
        self._object_type = object_type
        self._wanted = wanted

    @cached_property
    def _known(self) -> Mapping[str, Property]:
        try:
            found = self._api.get("crm", "properties", VERSION, self._object_type)
        except RefusedError as refused:
            msg = (
                f"HubSpot has no objects {self._object_type} to ask for ({refused}): correct "
                "object in the mapping, a name such as contacts, p_voucher_assignments or 2-123456"
            )
            raise TellUserError(msg) from None
        rows = [row for row in rows_of(found, "results") if isinstance(row.get("name"), str)]
        return {row["name"]: _property(row) for row in rows}

    def of(self, name: str) -> Property:
        """Give one.

        Raises:
            TellUserError: there is none of this name.
        """
        if name not in self._known:
            msg = (
                f"HubSpot's {self._object_type} have no property {name}: correct the mapping, or "
                "make the property"
            )
            raise TellUserError(msg)
        return self._known[name]

    def is_unique(self, name: str) -> bool:
        """Tell whether a property finds one object at most.

        Raises:
            TellUserError: there is none of this name, or it is not unique and has to be.
        """
        is_email = name == EMAIL and self._object_type in NAMES_OF_CONTACTS
        is_unique = is_email or self.of(name).is_unique
        if not (is_unique or self._wanted.may_search):
            msg = (
                f"HubSpot's property {name} does not require unique values, and a search would "
                "miss what is new: keep the assignment's id in a property that does"
            )
            raise TellUserError(msg)
        return is_unique

    def require(self) -> None:
        """See that all that the mapping wants is there and can be had.

        Raises:
            TellUserError: it is not; names the property.
        """
        for name in self._wanted.found_by:
            self.is_unique(name)
        for name in self._wanted.listed:
            self.of(name)
        for name, texts in self._wanted.written.items():
            found = self.of(name)
            if not found.is_writable:
                msg = f"HubSpot's property {name} can't be written: name another in the mapping"
                raise TellUserError(msg)
            for problem in filter(None, (_misfit(found, text) for text in texts)):
                msg = f"HubSpot's property {name} {problem}"
                raise TellUserError(msg)

    def doubts(self) -> Sequence[str]:
        """Give what the mapping wants and `require` could not prove, a sentence each."""
        slow = [name for name in self._wanted.found_by if not self.is_unique(name)]
        filled_in = [
            name
            for name, texts in self._wanted.written.items()
            if self.of(name).options and any("{" in text for text in texts)
        ]
        told = []
        if slow:
            told.append(
                f"{', '.join(slow)}: HubSpot does not keep it unique, so it is searched, which is "
                "slower (5 searches a second in the whole account) and does not see what was "
                "written in the last moments"
            )
        if filled_in:
            told.append(f"whether what is filled into {', '.join(filled_in)} is an option of it")
        return told


def _property(row: Mapping[str, Any]) -> Property:
    metadata = row.get("modificationMetadata")
    is_fixed = isinstance(metadata, Mapping) and metadata.get("readOnlyValue") is True
    options = (each.get("value") for each in rows_of(row, "options"))
    return Property(
        kind=str(row.get("type")),
        is_unique=row.get("hasUniqueValue") is True,
        is_writable=not (is_fixed or row.get("calculated") is True),
        options=frozenset(value for value in options if isinstance(value, str)),
    )


def _misfit(found: Property, template: str) -> str | None:
    """Say why a text can't be written into a property; an empty one always can."""
    if not template:
        return None
    text = filled(template, EXAMPLE)
    if found.options:
        missing = set(text.split(SEVERAL_OPTIONS)) - found.options
        if not missing or "{" in template:
            return None
        return f'has no option "{min(missing)}": add it, or write another one in the mapping'
    fits, advice = _TEXTS.get(found.kind, (_any, ""))
    return None if fits(text) else advice


def _any(_text: str) -> bool:
    return True


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_bool(text: str) -> bool:
    return text in {"true", "false"}


def _is_date(text: str) -> bool:
    if text.isascii() and text.isdigit():
        return int(text) % DAY_IN_MS == 0
    return _DATE.fullmatch(text) is not None and _is_time(text)


def _is_time(text: str) -> bool:
    if text.isascii() and text.isdigit():
        return True
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_TEXTS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "number": (_is_number, "takes a number: write one in the mapping"),
    "bool": (_is_bool, "takes true or false: write one of them in the mapping"),
    "date": (_is_date, "takes a date: write {unassigned_on} in the mapping"),
    "datetime": (_is_time, "takes a time: write {unassigned_at} in the mapping"),
}
"""What a property of some kind takes, and what is said of all else."""
