"""Tryton as a CRM, as a stranger would write it: one file that imports the port alone.

A code is a category below one for the role, such as `Vouchers / REFEREE / FRIEND-1`: a party in it
holds the code, and to unassign is to take the party out. A party is found by an identifier without
a type that is Voucherify's customer id, else the shop's own id; where parties are merged, Tryton
moves identifiers along.

A category doesn't say of which assignment it is, so what is held now is asked first. A party is
written only if its time stamp is still the one that was read: else Tryton refuses the write, and
the party is read and decided again, once. Source: docs.tryton.org, trytond 8.2, "Remote Procedure
Call" and "Model Storage".
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Self

import requests

from sync.crm.adapter import (
    API_VERSION,
    Capability,
    CredentialsRefusedError,
    HeldNow,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)

AT_ONCE = 20
"""Unassignments in one call.

Few, since Tryton writes all or nothing: what it refuses together is written one by one. Its own
limit is the setting `records_limit`.
"""
TIMEOUT = (3.0, 8.0)
PARTY = "model.party.party"
CATEGORY = "model.party.category"
FIELDS = (
    "_timestamp",
    "identifiers.code",
    "identifiers.type",
    "categories.name",
    "categories.parent.rec_name",
)
ALSO_ARCHIVED = ("active", "in", (True, False))
SEVERAL = Outcome.rejected("several parties have this identifier: see which of them is right")
FORBIDDEN = Outcome.rejected("a rule of Tryton forbids the change of this party: see its access")
OVERTAKEN = Outcome.retry("somebody else keeps writing into this party")
NOT_PROVEN = "whether a record rule forbids the change of some parties can't be seen by reading"


class NotNowError(Exception):
    """Tryton is down or busy; nothing is known to be written."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.outcome = Outcome.retry(reason, after)


class BrokenInsideError(NotNowError):
    """Tryton took the call and failed at it."""


class NotWrittenError(Exception):
    """Tryton refused a write as a whole; `outcome` is that of a party that was written alone."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Party:
    """A party as it was read: its untyped identifiers, and its categories' ids by their paths."""

    party_id: int
    time_stamp: str
    identifiers: frozenset[str]
    categories: Mapping[str, int]


@dataclass(slots=True)
class Plan:
    """What is answered, and which categories each party is taken out of.

    `by_write` has who must be written for an answer to be true, by the answer's place.
    """

    outcomes: list[Outcome]
    by_write: dict[int, Party] = field(default_factory=dict)
    removals: dict[int, list[int]] = field(default_factory=dict)

    def parties(self) -> list[Party]:
        """Give each party once that is to be written."""
        return list({party.party_id: party for party in self.by_write.values()}.values())

    def told(self, failed: Mapping[int, Outcome]) -> list[Outcome]:
        """Give the answers, with what was not written."""
        for at, party in self.by_write.items():
            self.outcomes[at] = failed.get(party.party_id, self.outcomes[at])
        return self.outcomes


class TrytonAdapter:
    """The parties of one Tryton database."""

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset(
        {"TRYTON_URL", "TRYTON_DATABASE", "TRYTON_USER", "TRYTON_PASSWORD", "TRYTON_CATEGORY"}
    )
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.READS_BACK,
            Capability.REPORTS_NOT_FOUND,
            Capability.COMPARES_ON_SERVER,
            Capability.CLEARS_BY_CODE,
        }
    )

    def __init__(self, server: "Server", category: str) -> None:
        self._server = server
        self._category = category
        self._held_now: HeldNow | None = None
        account = f"{server.url}\n{category}".encode()
        self.destination = f"tryton-{sha256(account).hexdigest()[:8]}"
        self.place = f"{server.url}, categories below {category}"

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, timeout: tuple[float, float] = TIMEOUT) -> Self:
        """Make one from the `TRYTON_` settings."""
        names = ("TRYTON_URL", "TRYTON_DATABASE", "TRYTON_USER", "TRYTON_PASSWORD")
        if missing := [name for name in names if not env.get(name, "").strip()]:
            msg = f"{', '.join(missing)}: missing; say where Tryton is, and as whom it is used"
            raise TellUserError(msg)
        url, database, user, password = (env[name].strip() for name in names)
        if not url.startswith(("https://", "http://")) or "@" in url:
            msg = "TRYTON_URL: write the address alone, such as https://tryton.example.com"
            raise TellUserError(msg)
        category = env.get("TRYTON_CATEGORY", "").strip() or "Vouchers"
        return cls(Server(url.rstrip("/"), database, user, password, timeout), category)

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before a party is taken out of a category."""
        self._held_now = held_now

    def check(self) -> Sequence[str]:
        """Log in, and see what this user may do, and that there is such a category."""
        try:
            self._server.require_database()
            access = self._server.access("party.party", "party.category")
            if not (access["party.party"]["write"] and access["party.category"]["read"]):
                msg = "TRYTON_USER: let this user change parties and read their categories"
                raise TellUserError(msg)
            named = [ALSO_ARCHIVED, ("rec_name", "=", self._category)]
            if not self._server.search_read(CATEGORY, named, ["name"]):
                msg = "TRYTON_CATEGORY: there is no such category of parties: correct or make it"
                raise TellUserError(msg)
        except NotNowError as error:
            msg = f"TRYTON_URL: {error}. See that Tryton is up, and of this address"
            raise TellUserError(msg) from None
        return (NOT_PROVEN,)

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now."""
        return self._in_parts(batch, lambda part: self._planned(part).outcomes)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Take the parties out of the categories; once Tryton is down, nothing more is tried."""
        return self._in_parts(batch, self._unassigned)

    def close(self) -> None:
        """Give back the connection; Tryton forgets idle sessions by itself."""
        self._server.close()

    def _in_parts(
        self, batch: Sequence[Unassignment], do: Callable[[Sequence[Unassignment]], list[Outcome]]
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        rest = list(batch)
        while rest:
            try:
                outcomes += do(rest[:AT_ONCE])
            except NotNowError as error:
                return outcomes + [error.outcome] * len(rest)
            except (TellUserError, CredentialsRefusedError) as error:
                # What was written is told; the next batch meets the same at its first call.
                if not outcomes:
                    raise
                return outcomes + [Outcome.retry(str(error))] * len(rest)
            rest = rest[AT_ONCE:]
        return outcomes

    def _unassigned(self, part: Sequence[Unassignment]) -> list[Outcome]:
        outcomes = self._written(self._planned(part))
        lost = [at for at, outcome in enumerate(outcomes) if outcome is OVERTAKEN]
        if lost:
            try:
                again = self._written(self._planned([part[at] for at in lost]))
            except (NotNowError, TellUserError, CredentialsRefusedError):
                return outcomes
            for at, outcome in zip(lost, again, strict=True):
                outcomes[at] = outcome
        return outcomes

    def _planned(self, part: Sequence[Unassignment]) -> Plan:
        found = self._server.parties(value for about in part for value in names_of(about))
        plan = planned(part, found, self._category)
        if self._held_now is not None and plan.by_write:
            newest = self._held_now([part[at] for at in sorted(plan.by_write)])
            known = {about.holder_id: about for about in newest}
            asked = [known.get(about.holder_id, about) for about in part]
            plan = planned(asked, found, self._category)
        return plan

    def _written(self, plan: Plan) -> list[Outcome]:
        return plan.told(self._write(plan.parties(), plan.removals))

    def _write(
        self, parties: Sequence[Party], removals: Mapping[int, list[int]]
    ) -> dict[int, Outcome]:
        """Write in one call, which is all or nothing; else one by one. Give what failed."""
        failed: dict[int, Outcome] = {}
        if not parties:
            return failed
        try:
            self._server.remove(parties, removals)
        except NotNowError as error:
            return dict.fromkeys([party.party_id for party in parties], error.outcome)
        except (TellUserError, CredentialsRefusedError) as error:
            outcome = Outcome.retry(str(error))
            return dict.fromkeys([party.party_id for party in parties], outcome)
        except NotWrittenError as error:
            if len(parties) == 1:
                return {parties[0].party_id: error.outcome}
            for at, party in enumerate(parties):
                failed |= self._write([party], removals)
                outcome = failed.get(party.party_id, FORBIDDEN)
                if outcome.result is Result.RETRY and outcome is not OVERTAKEN:
                    return failed | {each.party_id: outcome for each in parties[at:]}
        return failed


class Server:
    """One Tryton database, over JSON-RPC, as one user.

    Raises, from each method: `NotNowError`, `CredentialsRefusedError` or `TellUserError`.
    """

    def __init__(
        self, url: str, database: str, user: str, password: str, timeout: tuple[float, float]
    ) -> None:
        self.url = f"{url}/{database}"
        self._root = url
        self._database = database
        self._user = user
        self._password = password
        self._timeout = timeout
        self._headers: dict[str, str] = {}
        self._session = requests.Session()
        # A `.netrc` must not replace what is sent.
        self._session.auth = lambda request: request

    def require_database(self) -> None:
        """See that the database is there; Tryton tells, unless it is told not to."""
        answer = self._post(f"{self._root}/rpc/", "common.db.list")
        if answer.ok and self._database not in result_of(answer):
            msg = "TRYTON_DATABASE: this Tryton has no such database: correct the name"
            raise TellUserError(msg)

    def access(self, *models: str) -> dict[str, dict[str, bool]]:
        """Give what this user may do with records of these models."""
        try:
            access: dict[str, dict[str, bool]]
            access = self.call("model.ir.model.access.get_access", list(models), {})
        except BrokenInsideError:
            msg = "TRYTON_DATABASE: activate the module party of this database"
            raise TellUserError(msg) from None
        return access

    def parties(self, identifiers: Iterable[str]) -> dict[str, list[Party]]:
        """Give the parties with each of these untyped identifiers."""
        found: dict[str, list[Party]] = {}
        named = [["code", "in", list(dict.fromkeys(identifiers))], ["type", "=", None]]
        domain = [ALSO_ARCHIVED, ["identifiers", "where", named]]
        for row in self.search_read(PARTY, domain, FIELDS):
            party = read_party(row)
            for value in party.identifiers:
                found.setdefault(value, []).append(party)
        return found

    def remove(self, parties: Sequence[Party], removals: Mapping[int, list[int]]) -> None:
        """Take parties out of categories, if nobody wrote into any of them since they were read.

        Raises:
            NotWrittenError: somebody did, or a rule of Tryton forbids it; nothing was written.
        """
        steps = [
            step
            for party in parties
            for step in ([party.party_id], {"categories": [["remove", removals[party.party_id]]]})
        ]
        stamps = {f"party.party,{party.party_id}": party.time_stamp for party in parties}
        self.call(f"{PARTY}.write", *steps, {"_timestamp": stamps})

    def search_read(self, model: str, domain: object, fields: Sequence[str]) -> list[Any]:
        """Give all records of this domain; names in the language they were made in."""
        context = {"language": "en"}
        asked = (domain, 0, None, None, list(fields), context)
        try:
            rows: list[Any] = self.call(f"{model}.search_read", *asked)
        except NotWrittenError:
            msg = "TRYTON_USER: let this user read parties, their identifiers and categories"
            raise TellUserError(msg) from None
        return rows

    def call(self, method: str, *params: object) -> Any:
        """Call a method in a session; a session that has ended is begun again, once."""
        fresh = not self._headers
        if fresh:
            self._log_in()
        answer = self._post(f"{self.url}/rpc/", method, *params)
        if answer.status_code == requests.codes.unauthorized and not fresh:
            self._log_in()
            answer = self._post(f"{self.url}/rpc/", method, *params)
        return result_of(answer)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _log_in(self) -> None:
        self._headers = {}
        told = {"password": self._password}
        answer = self._post(f"{self.url}/rpc/", "common.db.login", self._user, told, "en")
        user_id, key, *_ = result_of(answer)
        token = base64.b64encode(f"{self._user}:{user_id}:{key}".encode()).decode()
        self._headers = {"Authorization": f"Session {token}"}

    def _post(self, url: str, method: str, *params: object) -> requests.Response:
        try:
            return self._session.post(
                url,
                json={"id": 1, "method": method, "params": params},
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            msg = f"Tryton doesn't answer ({type(error).__name__})"
            raise NotNowError(msg) from None


def result_of(answer: requests.Response) -> Any:
    """Give the result in an answer, or raise what it says instead."""
    status = answer.status_code
    if status == requests.codes.ok:
        return result_in(answer)
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        msg = f"TRYTON_USER, TRYTON_PASSWORD: Tryton refuses them (HTTP {status}): correct them"
        raise CredentialsRefusedError(msg)
    if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
        after = answer.headers.get("Retry-After", "")
        seconds = timedelta(seconds=int(after)) if after.isdecimal() else None
        msg = f"Tryton is busy or down (HTTP {status})"
        raise NotNowError(msg, seconds)
    if status == requests.codes.request_entity_too_large:
        msg = f"Tryton takes fewer records in a call: let its records_limit be {AT_ONCE} or more"
        raise TellUserError(msg)
    msg = f"TRYTON_URL, TRYTON_DATABASE: no Tryton answers there (HTTP {status}): correct them"
    raise TellUserError(msg)


def result_in(answer: requests.Response) -> Any:
    """Give the result in an answer with status 200; errors have it, too."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or not told.keys() & {"result", "error"}:
        msg = "what answers is no Tryton"
        raise NotNowError(msg)
    if "error" not in told:
        return told["result"]
    kind = told["error"][0]
    if kind == "ConcurrencyException":
        raise NotWrittenError(OVERTAKEN)
    if kind in {"UserError", "UserWarning"}:
        raise NotWrittenError(FORBIDDEN)
    msg = "Tryton failed inside: see its log"
    raise BrokenInsideError(msg)


def read_party(row: Mapping[str, Any]) -> Party:
    """Read a party as Tryton tells it; related records are under names with a dot."""
    paths = {
        f"{(each['parent.'] or {}).get('rec_name', '')} / {each['name']}": each["id"]
        for each in row["categories."]
    }
    untyped = (each["code"] for each in row["identifiers."] if each["type"] is None)
    return Party(row["id"], row["_timestamp"], frozenset(untyped), paths)


def names_of(about: Unassignment) -> list[str]:
    """Give what a party is found by, the first that finds somebody wins."""
    return [value for value in (about.customer_id, (about.source_id or "").strip()) if value]


def planned(
    part: Sequence[Unassignment], found: Mapping[str, Sequence[Party]], category: str
) -> Plan:
    """Decide; two unassignments of one party see one another's effect."""
    plan = Plan([])
    for at, about in enumerate(part):
        hits = next(filter(None, map(found.get, names_of(about))), ())
        if len(hits) == 1:
            plan.outcomes.append(Outcome(decided(about, hits[0], plan, at, category)))
        else:
            plan.outcomes.append(SEVERAL if hits else Outcome(Result.CONTACT_NOT_FOUND))
    return plan


def decided(about: Unassignment, party: Party, plan: Plan, at: int, category: str) -> Result:
    """Decide about one party, and note what is to be written."""
    shown = party.categories.get(f"{category} / {about.role} / {about.code.strip()}")
    removed = plan.removals.get(party.party_id, [])
    if shown is None or shown in removed:
        return Result.ALREADY_REMOVED
    if about.superseded_by is not None:
        return Result.SUPERSEDED
    plan.removals[party.party_id] = [*removed, shown]
    plan.by_write[at] = party
    return Result.REMOVED
