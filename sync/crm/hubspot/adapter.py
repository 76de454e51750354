"""HubSpot: codes in properties of contacts, or an object for each assignment, as a mapping says.

The token is that of a service key, or of a private app that is there still. The account is named
by its Hub ID, so that another account is another destination and no token is mistaken for it.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic
from typing import ClassVar, Self

from sync.crm.adapter import (
    API_VERSION,
    BelievedHolder,
    Capability,
    Change,
    HeldNow,
    Outcome,
    Restored,
    TellUserError,
    Unassignment,
)
from sync.crm.hubspot.api import BASE_URL, SETTING, HubSpotApi
from sync.crm.hubspot.check import ACCOUNT, prove
from sync.crm.hubspot.objects import HubSpotObjects
from sync.crm.hubspot.properties import Properties, wanted_by
from sync.crm.mapped.believing import assigned
from sync.crm.mapped.mapping import Mapped
from sync.crm.mapped.reading import read_mapping
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import MappedWriter, rules_of
from sync.crm.web import Unpaced, parse_token, read_as, required, to_write
from sync.model.address import parse_base_url
from sync.model.patience import Patience
from sync.transport import Transport, pause

MAPPING = "HUBSPOT_MAPPING"
URL = "HUBSPOT_BASE_URL"
CONTACTS = "contacts"
STANDARD = frozenset({CONTACTS, "companies", "deals", "tickets"})
"""Objects that have scopes of their own name; all others share those of custom objects."""
PATIENCE = Patience(connect=3.0, read=15.0, answer=20.0, attempts=3, total=30.0)
"""Short, since a delivery that was not taken is made again by the next run."""


class HubSpotAdapter:
    """One HubSpot account.

    Args:
        token: sent with each call, and shown to nobody.
        account: the Hub ID.
        mapping: which objects, which properties.
        base_url: scheme and host.
        patience: time-outs and attempts of one call.
        wait: waits the given seconds.
        clock: seconds that never jump.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset({SETTING, ACCOUNT, MAPPING, URL})

    def __init__(
        self,
        token: str,
        account: str,
        mapping: Mapped,
        *,
        base_url: str = BASE_URL,
        patience: Patience = PATIENCE,
        wait: Callable[[float], None] = pause,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._account = account
        self._mapping = mapping
        self._object = mapping.object or CONTACTS
        self._transports = [
            Transport(
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                pacer=Unpaced(),
                patience=each,
                wait=wait,
                random=Random(),  # noqa: S311 - jitter, no secret
            )
            for each in (patience, to_write(patience))
        ]
        reading, writing = self._transports
        self._api = HubSpotApi(reading, writing, scopes_for(self._object), base_url)
        self._wanted = wanted_by(mapping)
        self._properties = Properties(self._api, self._object, self._wanted)
        self._rules = rules_of(mapping)
        self._objects = HubSpotObjects(
            self._api, self._object, self._properties, self._rules.told, wait=wait, clock=clock
        )
        self._writer = MappedWriter(self._rules, self._objects)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from the settings whose names begin with `HUBSPOT_`."""
        token, account, place = required(env, SETTING, ACCOUNT, MAPPING)
        if not (account.isascii() and account.isdigit()):
            msg = f"{ACCOUNT}: write the Hub ID, a number, as HubSpot's own addresses show it"
            raise TellUserError(msg)
        mapping = read_mapping(Path(env["HOLDERSYNC_HOME"]) / place, MAPPING)
        url = read_as(parse_base_url, URL, env.get(URL, "").strip() or BASE_URL)
        return cls(read_as(parse_token, SETTING, token), account, mapping, base_url=url)

    @property
    def destination(self) -> str:
        """`hubspot-` and a fingerprint of account, object and mapping; not of the token."""
        what = f"{self._account} {self._object} {self._mapping.fingerprint()}"
        return f"hubspot-{sha256(what.encode()).hexdigest()[:8]}"

    @property
    def place(self) -> str:
        """The account and its objects."""
        return f"HubSpot account {self._account}, {self._object}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It has no write that compares; it asks where a code alone can name what is cleared."""
        always = {
            Capability.READS_BACK,
            Capability.REPORTS_NOT_FOUND,
            Capability.RESTORES,
            Capability.LISTS_ASSIGNED,
        }
        by_code = {Capability.CLEARS_BY_CODE} if self._mapping.clears_by_code() else set()
        return frozenset(always | by_code)

    def check(self) -> Sequence[str]:
        """Prove account, token, and that the mapping's properties are there and take its texts."""
        return prove(self._api, self._account, self._object, self._wanted, self._properties)

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before anything is cleared that only its code names."""
        self._writer.ask_by(held_now)

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now."""
        return self._writer.preview(batch)

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give who is believed to hold something, by searches of two hundred objects each."""
        return assigned(self._objects, self._mapping, after, at_most)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment, a hundred objects per call."""
        return self._writer.unassign(batch)

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what the changes name, where HubSpot still shows what they left."""
        return restore(self._objects, self._rules, changes, dry_run=dry_run)

    def close(self) -> None:
        """Give back connections."""
        for transport in self._transports:
            transport.close()


def scopes_for(object_type: str) -> str:
    """Name the scopes that a token needs for these objects."""
    name = object_type if object_type in STANDARD else "custom"
    return f"crm.objects.{name}.read, crm.objects.{name}.write and crm.schemas.{name}.read"
