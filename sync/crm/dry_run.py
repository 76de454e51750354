"""An adapter that tells what another one would do, and never writes.

An adapter that reads back is asked beforehand; of another one only the intention is known, and the
outcome says so.
"""

from collections.abc import Sequence
from dataclasses import replace

from sync.crm.adapter import (
    BelievedHolder,
    Capability,
    ClearsByCode,
    Destination,
    HeldNow,
    ListsAssigned,
    Outcome,
    ReadsBack,
    Result,
    SizesBatches,
    Unassignment,
)

NOT_ASKED = Outcome(Result.REMOVED, "not asked: this adapter can't look without writing")
"""For an adapter that doesn't read back: what the tool wants, not what would happen."""


class DryRun:
    """Wraps any adapter: looking and checking pass, writes are only told.

    `destination` and `capabilities` are those of the wrapped adapter, so that the same rows are
    pending as in the run that it foretells.
    """

    def __init__(self, adapter: Destination) -> None:
        self._adapter = adapter
        self._told: list[tuple[Unassignment, Outcome]] = []

    @property
    def destination(self) -> str:
        """The wrapped adapter's."""
        return self._adapter.destination

    @property
    def place(self) -> str:
        """The wrapped adapter's."""
        return self._adapter.place

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The wrapped adapter's."""
        return self._adapter.capabilities

    @property
    def told(self) -> tuple[tuple[Unassignment, Outcome], ...]:
        """Each unassignment that `unassign` was given, and what it answered, in that order."""
        return tuple(self._told)

    def check(self) -> Sequence[str]:
        """Check the wrapped adapter; a check writes nothing."""
        return self._adapter.check()

    def ask_by(self, held_now: HeldNow) -> None:
        """Let the wrapped adapter ask so, if it asks."""
        if isinstance(self._adapter, ClearsByCode):
            self._adapter.ask_by(held_now)

    def batch_size(self, due: int) -> int:
        """Give the wrapped adapter's size, or all at once: nothing is sent in vain."""
        return self._adapter.batch_size(due) if isinstance(self._adapter, SizesBatches) else due

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """List whom the wrapped adapter lists; only one that declares it is asked."""
        if not isinstance(self._adapter, ListsAssigned):
            return ()
        return self._adapter.assigned(after, at_most)

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what the wrapped adapter would answer now, or `NOT_ASKED` if it can't."""
        adapter = self._adapter
        if Capability.READS_BACK in adapter.capabilities and isinstance(adapter, ReadsBack):
            return adapter.preview(batch)
        return [NOT_ASKED] * len(batch)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Answer as `preview` does and remember it in `told`; nothing is written.

        What would change is in `told` alone: nothing was changed, so nothing is to be kept.
        """
        outcomes = self.preview(batch)
        self._told += zip(batch, outcomes, strict=True)
        return [replace(each, change=None) if each.change else each for each in outcomes]

    def close(self) -> None:
        """Close the wrapped adapter."""
        self._adapter.close()
