"""What a scenario gives a CRM, what a CRM shows of it, and which trouble it is put into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from sync.crm.adapter import CredentialsRefusedError, Destination, TellUserError

Shape = Literal["slots", "records"]
FoundBy = Literal["customer_id", "source_id", "email"]


class Trouble(StrEnum):
    """What can go wrong in a CRM, or on the way to it."""

    THROTTLED = "throttled"
    """It says that it is asked too often, by 429 or in its own words."""
    BROKEN = "broken"
    """It fails, by a 5xx or in its own words; nothing is written."""
    SILENT = "silent"
    """It takes the call and answers nothing in time; nothing is written."""
    KEY_REFUSED = "key_refused"
    """It refuses the key."""
    WRITE_REFUSED = "write_refused"
    """A rule of its own, such as a validation rule, forbids the write to this one contact."""
    ITEM_FAILS = "item_fails"
    """The write to this one contact fails for now; the rest of the same call is written."""
    ANSWER_LOST = "answer_lost"
    """The first write is applied, and its answer never comes back."""
    OVERTAKEN = "overtaken"
    """Before the adapter's first write arrives, somebody else makes the contact show this."""


DOWN = (Trouble.THROTTLED, Trouble.BROKEN, Trouble.SILENT)
"""Troubles that pass, and concern every call."""
ONE_ITEM = (Trouble.WRITE_REFUSED, Trouble.ITEM_FAILS)
"""Troubles that one contact has, or one record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the CRM is to hold before a scenario: a contact (slots), or an assignment (records).

    Ids are new in each test, so that one CRM can serve them all.

    Attributes:
        customer_id: Voucherify's id of the person.
        source_id: the merchant's own id of the person; None if there is none.
        email: None if there is none.
        code: the whole text of the field that keeps codes; empty for a slot that shows none.
        holder_id: of the assignment that is shown; empty for a slot that shows none. A CRM that
            keeps no such id leaves it out.
        note: the text of one field, of your choice, that the adapter has nothing to do with.
        copies: how many such contacts there are, the same in all of the above.
    """

    customer_id: str
    source_id: str | None
    email: str | None
    code: str
    holder_id: str
    note: str
    copies: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the CRM shows of one contact, or of one record.

    Attributes:
        code: the text of the field that keeps codes.
        holder_id: the text of the field that keeps the assignment's id, if there is one.
        ended: records only: it tells that this assignment has ended.
        told: what the adapter writes beside, such as a time; a repeat must not change it.
        other: the fields that the adapter has nothing to do with, `note` among them.
    """

    code: str = ""
    holder_id: str = ""
    ended: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """One wrong setting, and how `check` (or the making of the adapter) must tell it.

    Attributes:
        name: what is wrong, for whoever reads the test's output.
        make: makes the adapter with it.
        says: words of which each must stand in the error's text; case doesn't count.
        error: its class.
    """

    name: str
    make: Callable[[], Destination]
    says: tuple[str, ...]
    error: type[TellUserError | CredentialsRefusedError] = TellUserError
