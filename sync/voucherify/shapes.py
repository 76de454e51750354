"""The JSON of an assignment event as pydantic models: what must be there, and in which form.

Tolerant: unknown keys and enum values, nulls and empty texts where the documentation's own examples
have them. Strict: ids, codes and times are real ones that every database takes.

Source: Voucherify documentation, "customer.holder.assignment.deleted", "List Customer Activity" and
"List Customer's Redeemables".
"""

from typing import Annotated, Literal, TypeGuard, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from sync.errors import DeadLetterError
from sync.voucherify.instant import read_instant


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        msg = "has characters that no database takes"
        raise ValueError(msg)
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        msg = "is empty"
        raise ValueError(msg)
    return text


def _none_if_blank(text: object) -> object:
    return None if isinstance(text, str) and not text.strip() else text


def _empty_if_none(value: object) -> object:
    return {} if value is None else value


Text = Annotated[StrictStr, AfterValidator(_not_blank), AfterValidator(_storable)]
OptionalText = Annotated[Text | None, BeforeValidator(_none_if_blank)]
Instant = Annotated[AwareDatetime, BeforeValidator(read_instant)]


Shape = TypeVar("Shape", bound=BaseModel)


class _Kept(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Holder(_Kept):
    """Whom an assignment gives which voucher: the vendor's SimpleRedeemableHolder."""

    object: Literal["redeemable_holder"]
    id: Text
    created_at: Instant
    customer_id: Text
    holder_role: Text
    redeemable_id: Text
    redeemable_object: Literal["voucher"]
    campaign_id: OptionalText = None


class Voucher(_Kept):
    """What is kept of a voucher: its code, and the ids that must agree with the holder's."""

    code: Text
    id: OptionalText = None
    campaign_id: OptionalText = None


class Campaign(_Kept):
    """What is kept of a campaign; nothing is required."""

    id: OptionalText = None
    name: OptionalText = None


class Customer(_Kept):
    """What is kept of a customer; nothing is required."""

    id: OptionalText = None
    source_id: OptionalText = None
    email: OptionalText = None


class Deleted(_Kept):
    """An unassignment; the documentation requires all four."""

    holder: Holder
    voucher: Voucher
    campaign: Campaign
    customer: Customer


class DeletedLenient(Deleted):
    """The same, where only the holder and the voucher's code have to be there."""

    campaign: Annotated[Campaign, BeforeValidator(_empty_if_none)] = Campaign()
    customer: Annotated[Customer, BeforeValidator(_empty_if_none)] = Customer()


class Created(_Kept):
    """An assignment: the voucher may be missing, since only the holder is relied on."""

    holder: Holder
    voucher: Voucher | None = None


class HeldVoucher(_Kept):
    """What is kept of a voucher that a customer holds now; nothing is required."""

    id: OptionalText = None
    code: OptionalText = None


class Redeemable(_Kept):
    """What a customer holds, in full; only a voucher of it is kept."""

    voucher: HeldVoucher | None = None


class Held(_Kept):
    """A row of what a customer holds now: the vendor's CustomerRedeemable, a holder by its ids."""

    id: Text
    created_at: Instant
    customer_id: Text
    holder_role: Text
    redeemable_id: Text
    redeemable_object: Literal["voucher"]
    campaign_id: OptionalText = None
    redeemable: Redeemable | None = None


class Event(_Kept):
    """An item of the activity, beside its data."""

    id: Text
    created_at: Instant


def parsed(shape: type[Shape], value: object, what: str) -> Shape:
    """Read `value` as `shape`; `what` names it in the reason.

    Raises:
        DeadLetterError: it is not of this shape; the text names the fields and no value.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors(include_input=False, include_url=False)))
        msg = f"{what} can't be used: {problems}"
        raise DeadLetterError(msg) from None


def _problem(error: ErrorDetails) -> str:
    name = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"{name} is missing"
        case "value_error":
            return f"{name} {error['msg'].removeprefix('Value error, ')}"
        case "literal_error":
            return f"{name} is not {error['ctx']['expected']}"
        case "string_type":
            return f"{name} is not a text"
        case _:
            return f"{name} is not an object"


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a value can serve as an id: a text that isn't blank and that databases take."""
    try:
        return isinstance(value, str) and _storable(_not_blank(value)) == value
    except ValueError:
        return False
