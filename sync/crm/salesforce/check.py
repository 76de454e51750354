"""What reading can prove of a mapping before the first write: object, fields, access, limits.

Source: REST API Developer Guide, "sObject Describe" and "Limits". A describe shows fields and
rights as the app's own user has them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync.crm.adapter import TellUserError
from sync.crm.mapped.believing import Beliefs
from sync.crm.mapped.mapping import Mapped, RecordMapping
from sync.crm.salesforce.api import RefusedError, SalesforceApi
from sync.crm.salesforce.soql import select

CALLS = "DailyApiRequests"
TEXTS = frozenset(
    {
        "id",
        "string",
        "email",
        "phone",
        "url",
        "picklist",
        "reference",
        "combobox",
        "encryptedstring",
    }
)
"""The types of field that are compared with a text."""
FORMS = {
    "boolean": (re.compile("true|false"), "true or false"),
    "date": (re.compile(r"\{unassigned_on\}|\d{4}-\d\d-\d\d"), "{unassigned_on}"),
    "datetime": (re.compile(r"\{unassigned_at\}|\d{4}-\d\d-\d\dT\S+"), "{unassigned_at}"),
    **dict.fromkeys(
        ("double", "int", "currency", "percent"), (re.compile(r"-?\d+(\.\d+)?"), "a number")
    ),
}
"""The types of field that take a text of one form only, and what that is."""
UNPROVEN = "validation rules, flows, triggers and sharing: each may refuse one record's change"

Described = Mapping[str, Mapping[str, Any]]


def check(api: SalesforceApi, mapping: Mapped, name: str) -> Sequence[str]:
    """Prove what reading can; give what it could not, a sentence each.

    Raises:
        TellUserError: with the next step to take.
        CredentialsRefusedError: Salesforce refuses the app or its user.
        CrmBusyError: it can't be asked now.
    """
    fields = _described(api, name)
    unproven = [*_calls_left(api)]
    for field in mapping.fields():
        _require_writable(_field(fields, name, field), field)
    for field in Beliefs(mapping).fields:
        _field(fields, name, field)
    for field in _emptied(mapping):
        _require_emptiable(_field(fields, name, field), field)
    for field, text in _written_texts(mapping):
        described = _field(fields, name, field)
        _require_form(described, field, text)
        if "{" not in text:
            _require_value(described, field, text)
    if isinstance(mapping, RecordMapping):
        _require_key(_field(fields, name, mapping.record.holder_id), mapping.record.holder_id)
    else:
        unproven += _slow(fields, name, [rule.field for rule in mapping.find if rule.field])
    return [*unproven, *_one_record(api, mapping, name), UNPROVEN]


def _described(api: SalesforceApi, name: str) -> Described:
    try:
        told = api.ask("GET", "sobjects", name, "describe")
    except RefusedError as refused:
        msg = (
            f"{refused}: Salesforce shows no object {name} to this user: correct the object in the "
            "mapping, or give the user access to it"
        )
        raise TellUserError(msg) from None
    told = told if isinstance(told, dict) else {}
    if not (told.get("queryable") and told.get("updateable")):
        msg = f"the user may not read and edit {name}: give it both rights in a permission set"
        raise TellUserError(msg)
    return {str(each.get("name")).casefold(): each for each in told.get("fields") or ()}


def _field(fields: Described, name: str, field: str) -> Mapping[str, Any]:
    found = fields.get(field.casefold())
    if found is None:
        msg = (
            f"{name} shows no field {field} to this user: correct the mapping, make the field, or "
            "let the user see it (field-level security)"
        )
        raise TellUserError(msg)
    return found


def _require_writable(described: Mapping[str, Any], field: str) -> None:
    if not described.get("updateable"):
        msg = f"the user may not edit {field}: give it the right, or name another field"
        raise TellUserError(msg)


def _require_emptiable(described: Mapping[str, Any], field: str) -> None:
    if described.get("type") == "boolean":
        msg = f"{field} is a checkbox, which is never empty: write it by set = {{ {field} = ... }}"
        raise TellUserError(msg)
    if not described.get("nillable"):
        msg = f"{field} is required, so it can't be emptied: lift that, or name another field"
        raise TellUserError(msg)


def _require_value(described: Mapping[str, Any], field: str, text: str) -> None:
    if described.get("type") == "picklist" and described.get("restrictedPicklist"):
        values = [each for each in described.get("picklistValues") or () if each.get("active")]
        if text not in {each.get("value") for each in values}:
            msg = f"{field} is a restricted picklist without the value {text!r}: add it there"
            raise TellUserError(msg)
    length = described.get("length")
    if isinstance(length, int) and 0 < length < len(text):
        msg = f"{field} takes {length} characters, and {text!r} has more"
        raise TellUserError(msg)


def _require_form(described: Mapping[str, Any], field: str, text: str) -> None:
    kind = str(described.get("type"))
    form, example = FORMS.get(kind, (None, ""))
    if form is not None and text and not form.fullmatch(text):
        msg = f"{field} is of the type {kind}, so set = {{ {field} = ... }} has to be {example}"
        raise TellUserError(msg)


def _require_key(described: Mapping[str, Any], field: str) -> None:
    if not (described.get("externalId") and described.get("unique")):
        msg = f"{field} has to be an external ID and unique: set both on the field in Salesforce"
        raise TellUserError(msg)


def _emptied(mapping: Mapped) -> Iterator[str]:
    if isinstance(mapping, RecordMapping):
        yield from mapping.record.clear
        return
    for slot in mapping.slot:
        yield from filter(None, (slot.code, slot.holder_id, slot.campaign_field, *slot.clear))


def _written_texts(mapping: Mapped) -> Iterator[tuple[str, str]]:
    """Give the fields that are set, and to which text."""
    parts = [mapping.record] if isinstance(mapping, RecordMapping) else mapping.slot
    if isinstance(mapping, RecordMapping) and mapping.record.status:
        yield mapping.record.status, mapping.record.ended
    for part in parts:
        yield from part.set.items()


def _slow(fields: Described, name: str, found_by: Sequence[str]) -> Iterator[str]:
    for field in dict.fromkeys(found_by):
        described = _field(fields, name, field)
        if not described.get("filterable") or described.get("type") not in TEXTS:
            msg = f"{field} can't be searched for a text: find by another field in the mapping"
            raise TellUserError(msg)
        if not any(described.get(each) for each in ("externalId", "idLookup", "unique")):
            yield f"{field} has no index that is told, so finding by it may be slow: see its field"


def _calls_left(api: SalesforceApi) -> Iterator[str]:
    try:
        told = api.ask("GET", "limits")
    except RefusedError:
        told = None
    calls = told.get(CALLS) if isinstance(told, dict) else None
    if not (isinstance(calls, dict) and {"Max", "Remaining"} <= calls.keys()):
        yield "how many of the org's calls are left: the user may not see the limits"


def _one_record(api: SalesforceApi, mapping: Mapped, name: str) -> Iterator[str]:
    found_by = [rule.field for rule in getattr(mapping, "find", ()) if rule.field]
    try:
        told = api.ask("GET", "query", q=f"{select(name, [*mapping.fields(), *found_by])} LIMIT 1")
    except RefusedError as refused:
        msg = f"{refused}: no {name} can be read; see the user's rights and the mapping"
        raise TellUserError(msg) from None
    if not (isinstance(told, dict) and told.get("records")):
        yield f"a {name}: there is none, or sharing hides them all from this user"
