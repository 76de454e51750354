"""A CRM of contacts with one slot for a code, and an adapter for it that keeps the rule of slots.

A slot is cleared only if it shows this `holder_id` or, where it holds no such id, exactly this code
and nothing newer is known, after it was asked what is held now. The service remembers whose code a
slot shows, which such a CRM would not: by that the simulation can tell whether clearing it was
right.
"""

from dataclasses import dataclass

from sync.crm.adapter import API_VERSION, Capability, CredentialsRefusedError, Outcome, Result


class ServiceError(Exception):
    """The service gave no answer, or not the one that was hoped for."""


@dataclass(eq=False, slots=True)
class Contact:
    """`shows` is the assignment whose code stands in the slot, None for an empty one."""

    customer_id: str
    shows: object = None
    doubles: int = 0


class SlotService:
    """The CRM's own server; it keeps holder ids beside the codes or, like most, only codes."""

    def __init__(self, machine, promises, *, keeps_ids):
        self._machine = machine
        self._promises = promises
        self.keeps_ids = keeps_ids
        self.contacts = {}
        self.cleared = 0

    def creates(self, customer_id):
        self.contacts.setdefault(customer_id, Contact(customer_id))

    def believes(self, assignment):
        """The shop's own integration writes a new code into the slot."""
        contact = self.contacts.get(assignment.customer.id)
        if contact is not None:
            contact.shows = assignment

    def finds(self, customer_id):
        """Give the contacts that match.

        Raises:
            ServiceError, CredentialsRefusedError: see `fates`.
        """
        self._answers()
        contact = self.contacts.get(customer_id)
        return [] if contact is None else [contact] * (1 + contact.doubles)

    def slot(self, contact):
        """Give code and holder id as the CRM holds them."""
        if contact.shows is None:
            return None, None
        return contact.shows.voucher.code, contact.shows.holder_id if self.keeps_ids else None

    def clears(self, contact, *, if_it_shows):
        """Empty a slot that still shows the same; that may be done although no answer comes back.

        Tells whether it was done.
        """
        self._machine.point("before slot: cleared")
        if self.slot(contact) != if_it_shows:
            return False
        lost = self._machine.fate.contact("clear", contact.customer_id)
        if lost != "not done":
            self._promises.clearing(contact, shows_id=self.keeps_ids)
            contact.shows = None
            self.cleared += 1
        self._machine.point("after slot: cleared")
        if lost:
            raise ServiceError(lost)
        return True

    def _answers(self):
        match self._machine.fate.contact("find", None):
            case "refused":
                msg = "the CRM refuses the key"
                raise CredentialsRefusedError(msg)
            case str(reason):
                raise ServiceError(reason)


class SlotAdapter:
    """Writes to one slot service."""

    api_version = API_VERSION
    setting_names = frozenset()
    destination = "slots-1"
    place = "the slots"
    capabilities = frozenset(
        {
            Capability.REPORTS_NOT_FOUND,
            Capability.COMPARES_ON_SERVER,
            Capability.CLEARS_BY_CODE,
        }
    )

    def __init__(self, service):
        self._service = service
        self._held_now = None

    def check(self):
        self._service.finds("nobody")

    def ask_by(self, held_now):
        self._held_now = held_now

    def unassign(self, batch):
        found = [self._found(each) for each in batch]
        # What a slot shows is read once: what comes into it later was not asked about.
        shown = [self._service.slot(each) if isinstance(each, Contact) else None for each in found]
        rests_on_code = [
            at
            for at, shows in enumerate(shown)
            if batch[at].superseded_by is None and shows == (batch[at].code, None)
        ]
        known = dict(enumerate(batch))
        if rests_on_code and self._held_now:
            told = self._held_now([batch[at] for at in rests_on_code])
            known |= zip(rests_on_code, told, strict=True)
        return [
            self._in(each, shown[at], known[at]) if isinstance(each, Contact) else each
            for at, each in enumerate(found)
        ]

    def close(self):
        """Nothing is held open."""

    def _found(self, unassignment):
        """Give the contact, or why there is none."""
        try:
            contacts = self._service.finds(unassignment.customer_id)
        except ServiceError as error:
            return Outcome.retry(str(error))
        if not contacts:
            return Outcome(Result.CONTACT_NOT_FOUND)
        if len(contacts) > 1:
            return Outcome.rejected("several contacts match")
        return contacts[0]

    def _in(self, contact, shows, unassignment):
        code, holder_id = shows
        if code is None:
            return Outcome(Result.ALREADY_REMOVED)
        if holder_id is None:
            is_this = code == unassignment.code and unassignment.superseded_by is None
        else:
            is_this = holder_id == unassignment.holder_id
        try:
            if is_this and self._service.clears(contact, if_it_shows=shows):
                return Outcome(Result.REMOVED)
        except ServiceError as error:
            return Outcome.retry(str(error))
        return Outcome(Result.SUPERSEDED)
