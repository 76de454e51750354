"""What the shapes of a mapping have in common: find a record, and decide what changes in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sync.crm.adapter import Fields, Outcome, Unassignment
from sync.crm.mapped.mapping import FindRule


@dataclass(frozen=True, slots=True)
class Decision:
    """What is answered, and which fields become what; an empty text clears.

    `deletes`: the whole record goes.
    """

    outcome: Outcome
    changes: Fields
    deletes: bool = False


class Rules(Protocol):
    """The rules of one mapping; all of them functions of what is shown."""

    @property
    def find(self) -> Sequence[FindRule]:
        """The ways to a record, in order."""

    @property
    def fields(self) -> Sequence[str]:
        """The fields that are read."""

    @property
    def told(self) -> frozenset[str]:
        """The fields that only tell the CRM something; a CRM may spell it in its own way."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those of `told` that get a text which every CRM spells as it was written."""

    @property
    def nobody(self) -> Outcome:
        """What is answered where no way leads to a record."""

    @property
    def several(self) -> Outcome:
        """What is answered where a way leads to more than one."""

    def answered(self, about: Unassignment) -> Outcome | None:
        """Give what is answered without looking, if anything."""

    def rests_on_code(self, about: Unassignment, shown: Fields) -> bool:
        """Tell whether something would be cleared that only its code names."""

    def decide(self, about: Unassignment, shown: Fields) -> Decision:
        """Decide what an unassignment changes in a record that shows these fields."""


def text_of(shown: Fields, field: str | None) -> str:
    """Give a field without the space around it; one that is not there is empty."""
    return shown.get(field, "").strip() if field else ""
