"""One scenario on its way: who is in it, what was asked, what the CRM showed before and after."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from sync.crm.adapter import (
    CampaignId,
    Capability,
    CustomerId,
    Destination,
    EventId,
    HolderId,
    Outcome,
    Result,
    Unassignment,
    VoucherId,
)
from sync.crm.kit.given import Given, Held, Trouble
from sync.crm.kit.hooks import Hooks

ASSIGNED_AT = datetime(2026, 3, 1, 8, 30, 0, 5000, tzinfo=UTC)
UNASSIGNED_AT = datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
CAMPAIGN_ID = CampaignId("camp_contract")
CAMPAIGN_NAME = "Contract"

SEES = frozenset({Capability.READS_BACK, Capability.REPORTS_NOT_FOUND})
"""An adapter with one of these sees what the CRM shows, and so can tell results apart."""
TAKEN = frozenset(set(Result) - {Result.REJECTED, Result.RETRY})
"""What one that sees nothing may answer for all that was taken."""


class Play:
    """What the scenarios are told with; the kit makes one for each test.

    Args:
        hooks: the author's.
    """

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.are_slots = hooks.shape == "slots"
        self._token = uuid4().hex[:12]
        self._numbers = count(1)
        self._opened = ExitStack()
        self.adapter = self.new_adapter()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Give what the adapter says it can do."""
        return self.adapter.capabilities

    def new_adapter(self) -> Destination:
        """Make an adapter that is closed at the end of the scenario."""
        return self.closing(self.hooks.make_adapter())

    def closing(self, adapter: Destination) -> Destination:
        """Close this one, too."""
        self._opened.callback(adapter.close)
        return adapter

    def close(self) -> None:
        """Close all adapters."""
        self._opened.close()

    def new_id(self, kind: str) -> str:
        """Give an id that no other test has."""
        return f"{kind}{next(self._numbers)}k{self._token}"

    def somebody(self, **fields: Any) -> Given:  # noqa: ANN401
        """Make up a contact, or a record, that shows an assignment; each field can be named."""
        number = self.new_id("")
        made: dict[str, Any] = {
            "customer_id": f"cust_{number}",
            "source_id": f"shop-{number}",
            "email": f"ann.{number}@example.com",
            "code": f"FRIEND-{number}",
            "holder_id": f"rh_{number}",
            "note": f"note {number}",
        }
        return Given(**(made | fields))

    def somebody_in_the_crm(self, **fields: Any) -> Given:  # noqa: ANN401
        """Make one up, and seed it."""
        given = self.somebody(**fields)
        self.seed(given)
        return given

    def seed(self, *given: Given) -> None:
        """Put them into the CRM, and see that `peek` shows them there."""
        self.hooks.seed(*given)
        for each in given:
            held = self.held(each)
            same(len(held), each.copies, f"how many `peek` shows of {each} after `seed`")
            for one in held:
                self._require_seeded(each, one)

    def _require_seeded(self, given: Given, held: Held) -> None:
        if self.are_slots:
            same(held.code, given.code, f"`code` as `peek` shows it after `seed` of {given}")
        if self.are_slots and self.hooks.keeps_holder_id:
            same(held.holder_id, given.holder_id, f"`holder_id` after `seed` of {given}")
        same(held.ended, False, f"`ended` after `seed` of {given}")
        require(
            given.note in held.other.values(),
            f"`peek` must show the note among the other fields: {given} and {held}",
        )

    def held(self, given: Given) -> Sequence[Held]:
        """Give what the CRM shows of one."""
        return list(self.hooks.peek(given))

    def now(self, *given: Given) -> list[Sequence[Held]]:
        """Give what the CRM shows of each."""
        return [self.held(each) for each in given]

    @contextmanager
    def trouble(self, kind: Trouble, given: Given) -> Iterator[None]:
        """Let the CRM be in trouble in this block."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self.hooks.trouble(kind, given))
            except NotImplementedError:
                name = f"Trouble.{kind.name}"
                msg = f"let `trouble` cause {name}, or say in `not_proven` why {name} can't be"
                raise AssertionError(msg) from None
            yield

    def can_cause(self, kind: Trouble) -> bool:
        """Tell whether the author's test can put the CRM into this trouble."""
        try:
            with self.hooks.trouble(kind, self.somebody()):
                return True
        except NotImplementedError:
            return False

    def reassign(self, given: Given) -> None:
        """Let somebody else make the CRM show this."""
        try:
            self.hooks.reassign(given)
        except NotImplementedError:
            msg = "give `reassign`: an adapter that restores must leave what others wrote since"
            raise AssertionError(msg) from None

    def about(self, given: Given, **fields: Any) -> Unassignment:  # noqa: ANN401
        """Make the unassignment of what one shows; each field can be named."""
        holder_id = fields.get("holder_id", given.holder_id)
        made: dict[str, Any] = {
            "holder_id": HolderId(holder_id),
            "event_id": EventId(f"evcus_{holder_id}"),
            "role": "REFEREE",
            "customer_id": CustomerId(given.customer_id),
            "source_id": given.source_id,
            "email": given.email,
            "voucher_id": VoucherId(f"v_{holder_id}"),
            "code": given.code,
            "campaign_id": CAMPAIGN_ID,
            "campaign_name": CAMPAIGN_NAME,
            "assigned_at": ASSIGNED_AT,
            "unassigned_at": UNASSIGNED_AT,
        }
        return Unassignment(**(made | fields))

    def end(self, *batch: Unassignment, by: Destination | None = None) -> list[Outcome]:
        """Unassign, and see that there is one outcome for each."""
        __tracebackhide__ = True
        outcomes = list((by or self.adapter).unassign(batch))
        same(len(outcomes), len(batch), "how many outcomes there are")
        for each in outcomes:
            require(isinstance(each, Outcome), f"{each!r} is no Outcome")
            has_reason = bool((each.reason or "").strip())
            needs_one = each.result in {Result.REJECTED, Result.RETRY}
            require(has_reason or not needs_one, f"{each} needs a reason")
        return outcomes

    def expect(self, outcomes: Sequence[Outcome], *wanted: Result | Iterable[Result]) -> None:
        """Require these results, in this order; each may be one of several.

        An adapter that can't look into the CRM need not tell apart what it took.
        """
        __tracebackhide__ = True
        sees = bool(SEES & self.capabilities)
        for at, (outcome, one) in enumerate(zip(outcomes, wanted, strict=True)):
            allowed = {one} if isinstance(one, Result) else set(one)
            allowed |= TAKEN if not sees and allowed & TAKEN else set()
            require(
                outcome.result in allowed,
                f"outcome {at + 1} of {len(outcomes)} is {outcome}, and has to be "
                f"{' or '.join(sorted(allowed))}",
            )

    def has_ended(self, given: Given) -> bool:
        """Tell whether the CRM shows this assignment no longer."""
        held = self.held(given)
        if self.are_slots:
            return not any(each.code or each.holder_id for each in held)
        return all(each.ended for each in held)

    def require_ended(self, *given: Given) -> None:
        """Require that each shows its assignment no longer, and is still there if a contact."""
        __tracebackhide__ = True
        for each in given:
            require(self.has_ended(each), f"the CRM still shows it: {self.held(each)}")
            if self.are_slots:
                same(len(self.held(each)), each.copies, f"contacts left of {each}")


def same(got: object, wanted: object, what: str) -> None:
    """Require that two values are equal.

    Raises:
        AssertionError: they are not.
    """
    __tracebackhide__ = True
    require(got == wanted, f"{what}:\n  is      {got!r}\n  must be {wanted!r}")


def require(holds: object, what: str) -> None:
    """Require that something holds.

    Raises:
        AssertionError: it does not.
    """
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(what)
