"""A change is plain text, so that it can be kept and shown, whoever made it."""

from datetime import UTC, datetime

import pytest

from sync.model.change import Change
from sync.model.outcome import Outcome, Result

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FIELDS = {"code": "A"}


@pytest.mark.parametrize(
    "parts",
    [
        (17, FIELDS, FIELDS),
        (None, FIELDS, FIELDS),
        ("17", {"at": NOW}, FIELDS),
        ("17", {"at": None}, FIELDS),
        ("17", FIELDS, {"at": b"A"}),
        ("17", FIELDS, {3: "A"}),
        ("17", "code", FIELDS),
        ("17", FIELDS, ["code"]),
    ],
)
def test_a_change_of_anything_but_text_is_refused_without_its_values(parts):
    with pytest.raises(TypeError, match=r"^a change names a record and its fields by texts$"):
        Change(*parts)


def test_an_outcome_takes_no_other_thing_for_a_change():
    with pytest.raises(TypeError, match=r"^the change of an outcome is a Change$"):
        Outcome(Result.REMOVED, change=FIELDS)
