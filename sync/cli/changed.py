"""What changes in a record of a CRM, for a person who asked to see it."""

from sync.crm.adapter import Change, Fields

EMPTY = "(empty)"
DELETED = "the record is deleted"


def changed_rows(change: Change) -> list[tuple[str, str, str]]:
    """Give each field that changes, before and after; of a deleted record all that was read."""
    after = dict.fromkeys(change.before, DELETED) if change.deletes else change.after
    return [(name, change.before.get(name) or EMPTY, after[name] or EMPTY) for name in after]


def fields_text(before: Fields, after: Fields) -> str:
    """Show fields as they were and as they become, a line each."""
    return "\n".join(
        f"{name}: {before.get(name) or EMPTY} -> {value or EMPTY}" for name, value in after.items()
    )


def changed_json(change: Change | None) -> dict[str, object]:
    """Give the same; null is what an adapter can't tell."""
    if change is None:
        return {"record_id": None, "before": None, "after": None}
    return {
        "record_id": change.record_id,
        "before": dict(change.before),
        "after": dict(change.after),
    }
