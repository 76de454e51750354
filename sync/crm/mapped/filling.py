"""Fills what a mapping's `set` writes into a field: fixed text, and words in braces."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC

from sync.crm.adapter import Unassignment

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fixed_fields(sets: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """Give the fields of `set` that always get the same kind of text: one without a word in braces.

    A CRM shows such a text as it was written; a time it may spell in its own way.
    """
    all_sets = list(sets)
    varied = {name for each in all_sets for name, text in each.items() if "{" in text}
    return frozenset(name for each in all_sets for name in each) - varied


def filled(template: str, about: Unassignment) -> str:
    """Write what one unassignment tells into a template; the mapping has checked its words."""
    at = about.unassigned_at.astimezone(UTC)
    told = {
        "unassigned_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "unassigned_on": f"{at:%Y-%m-%d}",
        "event_id": about.event_id,
        "holder_id": about.holder_id,
        "code": about.code,
        "voucher_id": about.voucher_id,
        "campaign_id": about.campaign_id or "",
        "role": about.role,
    }
    return _PLACEHOLDER.sub(lambda match: told[match[1]], template)
