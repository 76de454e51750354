"""What an adapter's author gives the kit; `sync/crm/README.md` shows it on an example."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from sync.crm.adapter import Destination
from sync.crm.kit.given import FoundBy, Given, Held, Misconfigured, Shape, Trouble


class Hooks:
    """The part of `AdapterContract` that is filled in.

    A fixture of yours that starts the CRM is `autouse` and a method of your class: it is set up
    before the first hook is called, and torn down after the last adapter was closed.

    Attributes:
        shape: `slots`, the fields of a contact in which codes are kept, or `records`, one for each
            assignment.
        keeps_holder_id: slots only: a field beside the code keeps the assignment's id.
        separator: slots only: what stands between the codes of a field that keeps several, as the
            adapter is configured; None if it keeps one.
        found_by: slots only: what a contact is found by first.
        batch_limit: how many items one call of the CRM takes; None if there is no limit.
        secrets: texts that must not appear in what a person or a log gets to see: the key, and
            whatever else of the settings is nobody's business.
        not_proven: the scenarios, by number, and the troubles that this adapter can't be put
            through, and why. What is neither run nor named fails, and so does a name in vain.
    """

    shape: ClassVar[Shape]
    keeps_holder_id: ClassVar[bool] = False
    separator: ClassVar[str | None] = None
    found_by: ClassVar[FoundBy] = "customer_id"
    batch_limit: ClassVar[int | None] = None
    secrets: Sequence[str] = ()
    not_proven: ClassVar[Mapping[int | Trouble, str]] = {}

    def make_adapter(self) -> Destination:
        """Make a new adapter on the same CRM account; the kit closes it.

        It is called again for a second worker, maybe at the same time, and after a fault. Let its
        time-outs be short and its waits none.
        """
        raise NotImplementedError

    def seed(self, *given: Given) -> None:
        """Put these contacts, or records, into the CRM."""
        raise NotImplementedError

    def peek(self, given: Given) -> Sequence[Held]:
        """Give what the CRM shows now of this contact, or record, and its copies; none is empty.

        Read it past the adapter. Where the CRM takes its time, wait here until it is done.
        """
        raise NotImplementedError

    def count(self) -> int:
        """Say how many contacts, or records, the CRM has in all."""
        raise NotImplementedError

    def reassign(self, given: Given) -> None:
        """Let somebody else make the contact, or record, show this code and holder id as held.

        Past the adapter; needed for a CRM that restores, and handy for `Trouble.OVERTAKEN`.
        """
        raise NotImplementedError

    def trouble(self, kind: Trouble, given: Given) -> AbstractContextManager[object]:
        """Put the CRM into trouble until the block ends.

        `given` is the contact, or record, that a trouble with only one is about. For what you
        can't cause return `super().trouble(kind, given)`, and name it in `not_proven`.
        """
        raise NotImplementedError(kind)

    def misconfigured(self) -> Iterable[Misconfigured]:
        """Give the wrong settings that `check` has to tell apart; at least one."""
        return ()
