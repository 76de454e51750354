"""The port through which the tool writes into a CRM.

Contract of every adapter:

* A repeat changes nothing: the tool may ask again after it was killed.
* Never create a contact. Touch only what the adapter is configured for, and only if it shows this
  assignment (`holder_id`; where the CRM holds no such id, exactly this code and nothing newer).
* Several contacts match: `REJECTED`, never a guess.
* What can be told per unassignment is an `Outcome`; what stops every call is an error:
  `CredentialsRefusedError` if the CRM refuses the key, `TellUserError` if a setting is wrong.
* A CRM that is down or busy is `RETRY`, for each unassignment that it could not take.
* An error stands for the whole batch, and what became of any of it is lost, so it is raised only
  where nothing of the batch was written. Else the rest is `RETRY`, and the next batch meets the
  error at its first call.
* An adapter that tells roles apart answers a role that it has no place for with `REJECTED`; one
  that keeps an assignment's id need not look at roles.
* Texts hold ids, never a secret, a response body or a person's data.

What an adapter may rely on:

* One call at a time. All calls after `from_env`, `close` among them, come from one thread, which
  need not be the one that made the adapter; the attributes may be read in any thread.
* After SIGTERM or SIGINT a call under way has four seconds. What it answers in that time is stored.
  Then nobody waits for it: its batch stays pending for the next run, no other call is made, not
  even `close`, and the process ends without it. So keep time-outs short, and write so that a write
  that is cut off anywhere is whole or can be repeated.
* An exception that the contract does not name ends the delivery and not the run, and what it was
  about stays pending.

An adapter imports its types from this module, and from no other of the tool.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Protocol, Self, runtime_checkable

from sync.errors import CredentialsRefusedError, TellUserError
from sync.model.believed import BelievedHolder
from sync.model.change import Change, Fields, Restored, Undone
from sync.model.outcome import Outcome, Result
from sync.model.unassignment import (
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)

API_VERSION = 1
"""The version of this contract; an adapter names the one it was written for."""

__all__ = [
    "API_VERSION",
    "BelievedHolder",
    "CampaignId",
    "Capability",
    "Change",
    "ClearsByCode",
    "CredentialsRefusedError",
    "CrmAdapter",
    "CustomerId",
    "Destination",
    "EventId",
    "Fields",
    "HeldNow",
    "HolderId",
    "ListsAssigned",
    "Outcome",
    "ReadsBack",
    "Restored",
    "Restores",
    "Result",
    "SizesBatches",
    "TellUserError",
    "Unassignment",
    "Undone",
    "VoucherId",
]


class Capability(StrEnum):
    """What an adapter can do beyond the contract; each is declared, none is assumed."""

    READS_BACK = "reads_back"
    """It can say beforehand what `unassign` would answer: see `ReadsBack`."""
    REPORTS_NOT_FOUND = "reports_not_found"
    """It can tell that a contact or an assignment is not in the CRM."""
    COMPARES_ON_SERVER = "compares_on_server"
    """Comparing and writing are one step in the CRM, so two writers can't cross."""
    CLEARS_BY_CODE = "clears_by_code"
    """It may clear a field that holds nothing but a code, and asks first: see `ClearsByCode`."""
    RESTORES = "restores"
    """It can write back what it cleared: see `Restores`."""
    LISTS_ASSIGNED = "lists_assigned"
    """It can list whom the CRM believes to hold something: see `ListsAssigned`."""
    SIZES_BATCHES = "sizes_batches"
    """It wants batches of its own size: see `SizesBatches`."""


class Destination(Protocol):
    """One CRM account that is delivered to.

    `destination` is a name and a fingerprint of account and mapping: another account or mapping is
    another destination, to which everything is still to be delivered.
    """

    @property
    def destination(self) -> str:
        """Name and fingerprint, for example `sql-1f0c9a3e`; no secret can be read from it."""

    @property
    def place(self) -> str:
        """Where that is, for a person: an absolute path, or a host and an account; no secret."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond the contract."""

    def check(self) -> Sequence[str]:
        """Prove, without a write, that the CRM can be reached and written as configured.

        Gives what could not be proven so, a sentence each; none is fine.

        Raises:
            TellUserError: with the next step to take.
            CredentialsRefusedError: the CRM refuses the key.
        """

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment in the CRM; one outcome each, in the same order.

        Any length is taken; an adapter whose CRM has a limit splits inside.
        """

    def close(self) -> None:
        """Give back connections; a second call changes nothing. A failure is only told."""


class CrmAdapter(Destination, Protocol):
    """A destination that is made from settings; what an adapter's author writes.

    `setting_names` are the environment names that the adapter reads, used to find misspelt ones.
    """

    api_version: ClassVar[int]
    setting_names: ClassVar[frozenset[str]]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from settings; no I/O.

        `env` always has `HOLDERSYNC_HOME`, an absolute path from which relative paths start.

        Raises:
            TellUserError: a setting is missing or wrong; names it, never its value.
        """


@runtime_checkable
class ReadsBack(Protocol):
    """What `Capability.READS_BACK` promises."""

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now, changes included, and write nothing.

        What `unassign` asks first, such as `HeldNow`, is asked here too.
        """


class HeldNow(Protocol):
    """Knows what customers hold at this moment."""

    def __call__(self, batch: Sequence[Unassignment]) -> Sequence[Unassignment]:
        """Give the same unassignments in the same order, each with the newest that is known now.

        May take a while: each customer of the batch may cost a call. After SIGTERM or SIGINT it
        comes back within two seconds. Raises nothing: where it can't be known, what was known
        before stands.
        """


@runtime_checkable
class ClearsByCode(Protocol):
    """What `Capability.CLEARS_BY_CODE` promises.

    A field that holds nothing but a code can't say of which assignment it is. So before it is
    cleared, `held_now` is asked, about no more unassignments than need it, and what it says is
    newer is left alone.
    """

    def ask_by(self, held_now: HeldNow) -> None:
        """Take what is to be asked from now on."""


@runtime_checkable
class Restores(Protocol):
    """What `Capability.RESTORES` promises."""

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what the changes name, where the CRM still shows what they left.

        One answer each, in the same order. A later change comes before an earlier one of the same
        record. With `dry_run` it says what it would answer now, and writes nothing.
        """


@runtime_checkable
class ListsAssigned(Protocol):
    """What `Capability.LISTS_ASSIGNED` promises."""

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give who is believed to hold something, behind the record `after`, or from the first on.

        In one order that stays, `at_most` records at once, all of a record's together; none is the
        end. Changes nothing, and reads no field of a person but the ids.
        """


@runtime_checkable
class SizesBatches(Protocol):
    """What `Capability.SIZES_BATCHES` promises."""

    def batch_size(self, due: int) -> int:
        """Say how many of `due` unassignments `unassign` should be given at once, at least 1."""
