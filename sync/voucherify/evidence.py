"""What a dead letter keeps of an event: enough to understand and to retry it, no person's data.

Kept: everything but names of people, metadata, who did it (`event_source`) and a customer's fields
beside its ids and e-mail. The e-mail stays while the letter is open, since a retry may need it.
Whatever `wire` reads is kept in any case: reading the evidence gives the item's own verdict. Only a
campaign's name is kept no longer once the object does not say that it is one.
"""

import hashlib
import json
from collections.abc import Mapping

DEEPEST = 16
PERSONAL = frozenset({"event_source", "user", "summary", "description"})
PERSONAL_WORDS = ("name", "phone", "address", "birth", "metadata")
OF_A_CUSTOMER = frozenset({"id", "object", "source_id", "email", "created_at"})
READ = OF_A_CUSTOMER | {
    *("type", "data", "holder", "voucher", "campaign", "customer"),
    *("customer_id", "holder_role", "redeemable_id", "redeemable_object", "campaign_id", "code"),
}
"""The keys that `wire` reads, `campaign.name` apart."""


def evidence_of(item: object) -> str:
    """Give an item of the activity as JSON text (ASCII, keys sorted), without personal data."""
    return json.dumps(_stripped(item, 0, under=""), sort_keys=True)


def key_of(evidence: str) -> str:
    """Give a stable name to an item that has no id of its own."""
    return f"sha256:{hashlib.sha256(evidence.encode()).hexdigest()[:32]}"


def _stripped(value: object, depth: int, under: str) -> object:
    if depth > DEEPEST:
        return "…"
    if isinstance(value, list):
        return [_stripped(each, depth + 1, under) for each in value]
    if isinstance(value, Mapping):
        return {
            key: _stripped(each, depth + 1, key)
            for key, each in value.items()
            if _is_kept(key, value, under)
        }
    return value


def _is_kept(key: str, within: Mapping[str, object], under: str) -> bool:
    if under == "customer":
        return key in OF_A_CUSTOMER
    if key in READ or (key == "name" and under == within.get("object") == "campaign"):
        return True
    if key in PERSONAL or any(word in key.lower() for word in PERSONAL_WORDS):
        return False
    return within.get("object") != "customer"
