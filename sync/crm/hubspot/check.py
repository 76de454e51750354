"""Proves, by reading alone, that a HubSpot account can be written as a mapping says.

Sources: HubSpot developer documentation, "Account information API", "CRM API | Schemas", "CRM API |
Property validations" (2026-09), and its changelog "CRM API Write Validation Enforcement".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sync.crm.adapter import CredentialsRefusedError, TellUserError
from sync.crm.hubspot.api import SETTING, VERSION, HubSpotApi, RefusedError, rows_of
from sync.crm.hubspot.properties import Properties, Wanted
from sync.crm.mapped.writer import CrmBusyError

ACCOUNT = "HUBSPOT_ACCOUNT_ID"


def prove(
    api: HubSpotApi, account: str, object_type: str, wanted: Wanted, properties: Properties
) -> Sequence[str]:
    """Prove what can be, and give the rest, a sentence each.

    Raises:
        TellUserError: a setting or the mapping is wrong, or HubSpot can't be asked now.
        CredentialsRefusedError: HubSpot refuses the token.
    """
    try:
        _require_account(api, account)
        properties.require()
        told = [f"that the token may write {object_type}: nothing was written"]
        if not rows_of(api.get("crm", "objects", VERSION, object_type, limit="1"), "results"):
            told.append(f"how one of the {object_type} reads: the account has none yet")
        return [*told, *properties.doubts(), *_rules(api, object_type, wanted)]
    except CrmBusyError as busy:
        msg = f"HubSpot can't be asked now: {busy}; try again later"
        raise TellUserError(msg) from None
    except RefusedError as refused:
        msg = f"{refused}: see that the mapping's object {object_type} is right"
        raise TellUserError(msg) from None


def _require_account(api: HubSpotApi, account: str) -> None:
    try:
        told = api.get("account-info", VERSION, "details").get("portalId")
    except RefusedError as refused:
        msg = (
            f"HubSpot does not say whose token {SETTING} is ({refused}): where it no longer serves "
            f"its version {VERSION}, update holdersync"
        )
        raise TellUserError(msg) from None
    if str(told) != account:
        msg = f"{SETTING} is a token of another account than {ACCOUNT} names: correct one of them"
        raise TellUserError(msg)


def _rules(api: HubSpotApi, object_type: str, wanted: Wanted) -> Sequence[str]:
    """Say what can be seen of rules that may forbid a write; most of them can't be."""
    emptied = [name for name, texts in wanted.written.items() if "" in texts]
    schema = _if_allowed(api, "crm-object-schemas", VERSION, "schemas", object_type)
    required = schema.get("requiredProperties")
    needed = sorted({*emptied} & {*(required if isinstance(required, list) else [])})
    type_id = str(schema.get("objectTypeId") or object_type)
    found = _if_allowed(api, "crm", "property-validations", VERSION, type_id)
    ruled = sorted(
        str(row.get("propertyName"))
        for row in rows_of(found, "results")
        if row.get("propertyName") in wanted.written and rows_of(row, "propertyValidationRules")
    )
    told = []
    if needed:
        told.append(
            f"that {', '.join(needed)} may be empty: HubSpot requires it of a new one of the "
            f"{object_type}"
        )
    if ruled:
        told.append(f"that what is written keeps to the validation rules of {', '.join(ruled)}")
    if emptied:
        told.append(
            f"that no conditional rule of the account requires {', '.join(emptied)}: HubSpot would "
            "refuse to empty it, and shows such rules to nobody"
        )
    return told


def _if_allowed(api: HubSpotApi, *path: str) -> Mapping[str, Any]:
    """Get what is good to know, and nothing where the token may not or HubSpot has none."""
    try:
        return api.get(*path)
    except (CredentialsRefusedError, RefusedError):
        return {}
