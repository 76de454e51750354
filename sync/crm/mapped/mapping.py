"""The mapping: how a record of the CRM is found, and which fields of it keep an assignment.

One small TOML file of the merchant's own; `config/mapping.example.toml` explains each key. Two
shapes: slots, the fields of a contact in which a code is kept, and records, one for each
assignment.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    model_validator,
)

ANY_CAMPAIGN = "*"
DEFAULT_ROLE = "REFEREE"
Known = Literal["customer_id", "source_id", "email", "holder_id"]
"""What is known of an unassignment, and can name a record of the CRM."""
TOLD = (
    "unassigned_at",
    "unassigned_on",
    "event_id",
    "holder_id",
    "code",
    "voucher_id",
    "campaign_id",
    "role",
)
"""What a value of `set` may tell, in braces."""

_RULE = re.compile(
    r"\s*(?P<where>record_id|email|prop:\S+)\s*=\s*(?P<what>customer_id|source_id|email)\s*"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class FindRule:
    """One way to a record: `field` of the CRM holds what is known as `known`.

    `field` is None for the CRM's own record id.
    """

    field: str | None
    known: Known


def _read_rule(text: object) -> FindRule:
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        msg = 'is no rule such as "prop:voucherify_id = customer_id"'
        raise ValueError(msg)
    where = match["where"]
    field = None if where == "record_id" else where.removeprefix("prop:")
    known: Any = match["what"]
    return FindRule(field, known)


def _not_blank(text: str) -> str:
    if not text.strip():
        msg = "is empty"
        raise ValueError(msg)
    return text


def _tells_what_is_known(text: str) -> str:
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in TOLD]
    if unknown:
        msg = f"tells {{{unknown[0]}}}, which is not one of {', '.join(TOLD)}"
        raise ValueError(msg)
    return text


def _require_one_meaning(meanings: Iterable[tuple[str, object]]) -> None:
    """Refuse a field that means two things; to many a CRM, names that differ in case are one."""
    known: dict[str, object] = {}
    for field, meaning in meanings:
        if known.setdefault(field.casefold(), meaning) != meaning:
            msg = f"the field {field} has two meanings"
            raise ValueError(msg)


def _as_told(text: str) -> str:
    return text.strip().upper()


Name = Annotated[StrictStr, AfterValidator(_not_blank)]
Campaign = Annotated[Name, AfterValidator(str.strip)]
Role = Annotated[Name, AfterValidator(_as_told)]
Rule = Annotated[FindRule, BeforeValidator(_read_rule)]
Template = Annotated[StrictStr, AfterValidator(_tells_what_is_known)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Slot(_Part):
    """The fields of a contact in which the codes of one campaign and role are kept.

    Attributes:
        campaign: its id or name; `*` is any.
        role: of the holder, in the capitals in which Voucherify tells it.
        code: the field that holds the code.
        holder_id: the field that holds the assignment's id, if there is one.
        campaign_field: the field that holds the campaign's id or name, for `code+campaign`.
        match: what has to be shown for the slot to be this assignment's.
        multi: what separates the codes, where the field holds several.
        clear: further fields that are emptied with the code.
        set: further fields and what is written into them.
    """

    campaign: Campaign = ANY_CAMPAIGN
    role: Role = DEFAULT_ROLE
    code: Name
    holder_id: Name | None = None
    campaign_field: Name | None = None
    match: Literal["holder_id", "code", "code+campaign"] = "code"
    multi: Annotated[StrictStr, Field(min_length=1)] | None = None
    clear: tuple[Name, ...] = ()
    set: Mapping[Name, Template] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.match == "holder_id" and self.holder_id is None:
            msg = "match = holder_id needs holder_id, the field that holds that id"
            raise ValueError(msg)
        if self.match == "code+campaign" and self.campaign_field is None:
            msg = "match = code+campaign needs campaign_field, the field that holds the campaign"
            raise ValueError(msg)
        if self.multi is not None and (self.match != "code" or self.holder_id):
            msg = "multi needs match = code, and no holder_id: a list of codes names no assignment"
            raise ValueError(msg)
        _require_one_meaning((field, at) for at, field in enumerate(self.written()))
        return self

    def written(self) -> list[str]:
        """Give the fields that an unassignment may change."""
        own = [self.code, self.holder_id, self.campaign_field]
        return [*filter(None, own), *self.clear, *self.set]

    def meanings(self) -> Iterator[tuple[str, object]]:
        """Give what each field is to this slot; to another slot it must be the same or nothing."""
        yield self.code, ("shows", self.holder_id, self.campaign_field, self.multi)
        yield from ((field, ("told",)) for field in self.set)
        goes_with_the_code = filter(None, (self.holder_id, self.campaign_field, *self.clear))
        yield from ((field, ("goes with", self.code)) for field in goes_with_the_code)


class RecordPart(_Part):
    """The fields of a record that is one assignment; it is never anybody else's.

    Attributes:
        holder_id: the field that holds the assignment's id; no two records share one.
        status: the field that tells whether the assignment has ended.
        ended: what `status` shows then.
        clear: fields that are emptied; where there is no `status`, all of them empty is the end.
        set: further fields and what is written into them.
        delete: the whole record goes instead; a table's row only.
        customer_id: the field that holds the customer's id in Voucherify, for listing only.
    """

    holder_id: Name
    customer_id: Name | None = None
    status: Name | None = None
    ended: Name = "unassigned"
    clear: tuple[Name, ...] = ()
    set: Mapping[Name, Template] = Field(default_factory=dict)
    delete: StrictBool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.delete and self.written():
            msg = "delete leaves nothing to write: take out status, clear and set"
            raise ValueError(msg)
        if not (self.delete or self.status or self.clear):
            msg = "needs status, or fields to clear: else nothing would show that it ended"
            raise ValueError(msg)
        fields = [self.holder_id, *self.written()]
        _require_one_meaning((field, at) for at, field in enumerate(fields))
        return self

    def written(self) -> list[str]:
        """Give the fields that an unassignment may change."""
        return [*filter(None, [self.status]), *self.clear, *self.set]


class _Mapping(_Part):
    """What both shapes have.

    Attributes:
        object: what the CRM calls this kind of record; of a database, the table.
        key: of a database only: the column by which a row is written.
    """

    object: Name | None = None
    key: Name | None = None

    def clears_by_code(self) -> bool:
        """Tell whether something may be cleared that only its code names."""
        return False

    def fingerprint(self) -> str:
        """Give eight hex digits: another meaning of the file is another destination.

        A key that has its default, or changes nothing of what is written, counts as one that is not
        there.
        """
        for_listing = {"record": {"customer_id"}}
        told = self.model_dump(mode="json", exclude_defaults=True, exclude=for_listing)
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]


class SlotMapping(_Mapping):
    """Where contacts are, how one is found, and its slots; the first that fits is the one."""

    find: Annotated[tuple[Rule, ...], Field(min_length=1)]
    slot: Annotated[tuple[Slot, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _require_one_meaning(each for slot in self.slot for each in slot.meanings())
        finds = {rule.field.casefold() for rule in self.find if rule.field}
        if taken := [field for field in self.fields() if field.casefold() in finds]:
            msg = f"the field {taken[0]} finds contacts, so no slot may change it"
            raise ValueError(msg)
        reached: set[tuple[str, str]] = set()
        for number, slot in enumerate(self.slot, 1):
            if reached & {(slot.campaign, slot.role), (ANY_CAMPAIGN, slot.role)}:
                msg = f"slot {number} is never reached: another one before it fits as well"
                raise ValueError(msg)
            reached.add((slot.campaign, slot.role))
        return self

    def clears_by_code(self) -> bool:
        """Tell whether something may be cleared that only its code names."""
        return any(slot.match != "holder_id" for slot in self.slot)

    def fields(self) -> tuple[str, ...]:
        """Give all fields that are read: of the slots, in order, each once."""
        named = (field for slot in self.slot for field in slot.written())
        return tuple(dict.fromkeys(named))


class RecordMapping(_Mapping):
    """Where the records of assignments are, and what ends one."""

    object: Name
    record: RecordPart

    def fields(self) -> tuple[str, ...]:
        """Give all fields that are read."""
        return tuple(self.record.written())


Mapped = SlotMapping | RecordMapping
