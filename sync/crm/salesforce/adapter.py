"""Salesforce: codes in fields of contacts, leads or accounts, or a record for each assignment.

Written with requests through the tool's own transport, so that time-outs, retries, redirects and
TLS are as everywhere. The account is the org's My Domain: it is the host of every call, and another
org is another destination.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import ClassVar, Self
from urllib.parse import urlsplit

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
from sync.crm.mapped import restoring
from sync.crm.mapped.believing import assigned
from sync.crm.mapped.mapping import Mapped, RecordMapping
from sync.crm.mapped.reading import read_mapping
from sync.crm.mapped.writer import CrmBusyError, MappedWriter, rules_of
from sync.crm.salesforce.api import Limits, SalesforceApi
from sync.crm.salesforce.bulk import BulkUpdate
from sync.crm.salesforce.check import check
from sync.crm.salesforce.login import (
    CLIENT_ID,
    CLIENT_SECRET,
    PRIVATE_KEY_FILE,
    URL,
    USERNAME,
    ClientCredentials,
    Grant,
    JwtBearer,
    Session,
    signer,
)
from sync.crm.salesforce.records import (
    AT_ONCE,
    IN_BULK,
    LARGEST,
    OfOneAssignment,
    SalesforceRecords,
)
from sync.crm.salesforce.soql import is_name
from sync.crm.web import Unpaced, parse_token, read_as, required, to_write
from sync.model.address import parse_base_url
from sync.model.patience import Patience
from sync.transport import Transport, pause

MAPPING = "SALESFORCE_MAPPING"
CONTACT = "Contact"
PATIENCE = Patience(connect=3.0, read=30.0, answer=40.0, attempts=3, total=60.0)
"""Two hundred records with an org's own flows take their time; the next run tries again."""


class SalesforceAdapter:
    """One object of one org.

    Args:
        base_url: the org's My Domain.
        grant: proves who asks.
        mapping: which records, which fields.
        patience: time-outs and attempts of one call.
        wait: waits the given seconds between two tries, or two looks at a job.
        clock: seconds that never jump.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset(
        {URL, CLIENT_ID, CLIENT_SECRET, USERNAME, PRIVATE_KEY_FILE, MAPPING}
    )

    def __init__(
        self,
        base_url: str,
        grant: Grant,
        mapping: Mapped,
        *,
        patience: Patience = PATIENCE,
        wait: Callable[[float], None] = pause,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._host = urlsplit(base_url).netloc.casefold()
        self._mapping = mapping
        self._object = mapping.object or CONTACT
        self._transports = [
            Transport(
                headers={"Accept": "application/json", "User-Agent": "holdersync"},
                pacer=Unpaced(),
                patience=each,
                wait=wait,
                random=Random(),  # noqa: S311 - jitter, no secret
            )
            for each in (patience, to_write(patience))
        ]
        reading, writing = self._transports
        session = Session(reading, base_url, grant)
        self._api = SalesforceApi(reading, writing, base_url, session, Limits())
        self._rules = rules_of(mapping)
        own = (
            OfOneAssignment(mapping.record.holder_id, BulkUpdate(self._api, self._object, wait))
            if isinstance(mapping, RecordMapping)
            else None
        )
        told = self._rules.told
        self._records = SalesforceRecords(self._api, self._object, told, own, clock)
        self._writer = MappedWriter(self._rules, self._records)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from the settings whose names begin with `SALESFORCE_`."""
        url, client_id, place = required(env, URL, CLIENT_ID, MAPPING)
        home = Path(env["HOLDERSYNC_HOME"])
        base_url = read_as(parse_base_url, URL, url)
        mapping = read_mapping(home / place, MAPPING)
        _require_names(mapping)
        grant = _grant(env, read_as(parse_token, CLIENT_ID, client_id), home)
        return cls(base_url, grant, mapping)

    @property
    def destination(self) -> str:
        """`salesforce-` and a fingerprint of org, object and mapping; not of how to log in."""
        what = f"{self._host} {self._object} {self._mapping.fingerprint()}"
        return f"salesforce-{sha256(what.encode()).hexdigest()[:8]}"

    @property
    def place(self) -> str:
        """The org and its object."""
        return f"Salesforce {self._host}, {self._object}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """All but a write that compares."""
        always = {
            Capability.READS_BACK,
            Capability.REPORTS_NOT_FOUND,
            Capability.RESTORES,
            Capability.SIZES_BATCHES,
            Capability.LISTS_ASSIGNED,
        }
        by_code = {Capability.CLEARS_BY_CODE} if self._mapping.clears_by_code() else set()
        return frozenset(always | by_code)

    def check(self) -> Sequence[str]:
        """Prove login, object, fields, rights on them, and that one record can be read."""
        try:
            return check(self._api, self._mapping, self._object)
        except CrmBusyError as busy:
            msg = f"Salesforce can't be asked now: {busy}; try again later"
            raise TellUserError(msg) from None

    def batch_size(self, due: int) -> int:
        """Give two hundred; of records as many as one bulk job takes, where many are due."""
        return LARGEST if due > IN_BULK and isinstance(self._mapping, RecordMapping) else AT_ONCE

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before a code is cleared that nothing but itself names."""
        self._writer.ask_by(held_now)

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now."""
        return self._writer.preview(batch)

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give who is believed to hold something, by queries in the order of Ids."""
        return assigned(self._records, self._mapping, after, at_most)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment, two hundred per call, or thousands per job."""
        return self._writer.unassign(batch)

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what the changes name, where Salesforce still shows what they left."""
        return restoring.restore(self._records, self._rules, changes, dry_run=dry_run)

    def close(self) -> None:
        """Give back connections."""
        for transport in self._transports:
            transport.close()


def _grant(env: Mapping[str, str], client_id: str, home: Path) -> Grant:
    secret = env.get(CLIENT_SECRET, "").strip()
    by_key = [env.get(name, "").strip() for name in (USERNAME, PRIVATE_KEY_FILE)]
    if secret and any(by_key):
        msg = f"give {CLIENT_SECRET}, or {USERNAME} and {PRIVATE_KEY_FILE}: not both"
        raise TellUserError(msg)
    if secret:
        return ClientCredentials(client_id, secret)
    if not any(by_key):
        msg = (
            f"{CLIENT_SECRET} is missing; where the app has a certificate instead of a secret, "
            f"give {USERNAME} and {PRIVATE_KEY_FILE}"
        )
        raise TellUserError(msg)
    username, path = required(env, USERNAME, PRIVATE_KEY_FILE)
    return JwtBearer(client_id, username, signer(home / path), time)


def _require_names(mapping: Mapped) -> None:
    found_by = [rule.field for rule in getattr(mapping, "find", ()) if rule.field]
    record = mapping.record if isinstance(mapping, RecordMapping) else None
    key = [*filter(None, [record.holder_id, record.customer_id])] if record else []
    named = [*filter(None, [mapping.object]), *mapping.fields(), *found_by, *key]
    wrong = [name for name in named if not is_name(name)]
    if wrong:
        msg = f"{MAPPING}: {wrong[0]!r} is no API name of Salesforce, such as Voucher_Code__c"
        raise TellUserError(msg)
