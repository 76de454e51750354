"""Salesforce's values and results as the rules know them, and back; no I/O.

Sources: REST API Developer Guide, "Query" and "Update Records Using sObject Collections"; SOAP API
Developer Guide, "StatusCode"; Bulk API 2.0, "Prepare CSV Files" (an empty value is ignored, `#N/A`
empties a field).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync.crm.adapter import Fields, Outcome, Result
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.salesforce.soql import long_id

EMPTY = "#N/A"
"""What empties a field in a file of rows."""
TRUE, FALSE = "true", "false"

LATER = frozenset(
    {"UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"}
)
"""What may pass when the same change is made again."""
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND"})
NO_SUCH_ID = "INVALID_CROSS_REFERENCE_KEY"
"""That a record was never there, or that a field names another one that is not."""

_WORD = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


class Kinds:
    """Which fields are checkboxes: those are never empty, so whoever read one knows.

    A text is taken for a number, a date or a text, as the field needs it, but not for a checkbox.
    """

    def __init__(self) -> None:
        self._checkboxes: set[str] = set()

    def see(self, shown: Mapping[str, object]) -> None:
        """Take in what was read."""
        self._checkboxes |= {name for name, value in shown.items() if isinstance(value, bool)}

    def as_json(self, fields: Fields) -> Mapping[str, str | bool | None]:
        """Give what is written; an empty field is null."""
        return {
            name: _is_true(text) if name in self._checkboxes else (text or None)
            for name, text in fields.items()
        }

    def as_csv(self, fields: Fields) -> Mapping[str, str]:
        """Give what is written in a file of rows."""
        return {
            name: (TRUE if _is_true(text) else FALSE)
            if name in self._checkboxes
            else (text or EMPTY)
            for name, text in fields.items()
        }


def text_of_value(value: object) -> str:
    """Give a value as the text that the rules compare."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value) if isinstance(value, str | int) else ""


def rows_of(page: object) -> list[Mapping[str, Any]]:
    """Give the rows of a page; the names of fields have no case."""
    records = page.get("records") if isinstance(page, dict) else None
    if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
        raise CrmBusyError(Outcome.retry("Salesforce answered a query without records"))
    return [{name.casefold(): value for name, value in row.items()} for row in records]


def id_of(row: Mapping[str, Any]) -> str:
    """Give a row's Id in its long form."""
    value = row.get("id")
    found = long_id(value) if isinstance(value, str) else None
    if found is None:
        raise CrmBusyError(Outcome.retry("Salesforce answered a query without Ids"))
    return found


def outcome_of(told: object) -> Outcome | None:
    """Give what became of one record, None if it was written."""
    result = told if isinstance(told, dict) else {}
    if result.get("success") is True:
        return None
    errors = result.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    error = first if isinstance(first, dict) else {}
    code = error.get("statusCode")
    return refusal(str(code), names_fields=bool(error.get("fields")))


def outcome_of_error(text: str) -> Outcome:
    """Give what the error of a bulk job's row means: `CODE:message:fields --`."""
    parts = text.split(":")
    fields = parts[-1].replace("--", "").strip() if len(parts) > 1 else ""
    return refusal(parts[0].strip(), names_fields=bool(fields))


def refusal(code: str, *, names_fields: bool) -> Outcome:
    """Give what a status code means for one record; of the answer only this word is repeated."""
    if code in LATER:
        return Outcome.retry(f"Salesforce can't change this record now ({code})")
    if code in GONE or (code == NO_SUCH_ID and not names_fields):
        return Outcome(Result.CONTACT_NOT_FOUND)
    word = code if _WORD.fullmatch(code) else "unknown"
    return Outcome.rejected(f"Salesforce refuses the change ({word}): see which rule forbids it")


def _is_true(text: str) -> bool:
    return text.strip().casefold() == TRUE
