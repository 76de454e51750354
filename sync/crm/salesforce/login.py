"""Two ways to a Salesforce access token without a person: client credentials, and a signed JWT.

Both belong to an External Client App. The token is kept in memory only.

Sources: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration",
"OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration" and "OAuth 2.0 Authorization Errors".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from sync.crm.adapter import CredentialsRefusedError, TellUserError
from sync.errors import RetryError
from sync.transport import Answer, Call, Transport

URL = "SALESFORCE_URL"
CLIENT_ID = "SALESFORCE_CLIENT_ID"
CLIENT_SECRET = "SALESFORCE_CLIENT_SECRET"  # noqa: S105 - its name
USERNAME = "SALESFORCE_USERNAME"
PRIVATE_KEY_FILE = "SALESFORCE_PRIVATE_KEY_FILE"

PATH = "/services/oauth2/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOD_FOR = 120
"""Seconds that a signed request for a token is good for. Salesforce takes three minutes at most, by
its own clock: so ours may be a minute ahead, or two behind."""

OK = 200
TOO_MANY = 429
SERVER_ERROR = 500
REFUSED = frozenset({400, 401, 403})
MAY_PASS = ("retry your request", "login rate exceeded")
"""What a refusal says of itself if the same request may be taken later."""

_WORD = re.compile(r"[a-z_]{1,60}")
_TOKEN = re.compile(r"[!-~]{1,4096}")


class Grant(Protocol):
    """Proves who asks for a token."""

    def form(self, audience: str) -> Mapping[str, str]:
        """Give what is posted to the host `audience`."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The id and secret of an app that runs as a user of its own."""

    client_id: str
    client_secret: str = field(repr=False)

    def form(self, audience: str) -> Mapping[str, str]:  # noqa: ARG002 - the secret goes to one host only
        """Give what is posted."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """An app, the user it acts for, and the private key whose certificate the app knows.

    Attributes:
        client_id: of the app.
        username: the user's, as for a login.
        sign: makes a signed token of claims.
        now: seconds since 1970.
    """

    client_id: str
    username: str
    sign: Callable[[Mapping[str, object]], str] = field(repr=False)
    now: Callable[[], float]

    def form(self, audience: str) -> Mapping[str, str]:
        """Give what is posted: signed anew each time, and good for minutes."""
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": audience,
            "exp": int(self.now()) + GOOD_FOR,
        }
        return {"grant_type": JWT_BEARER, "assertion": self.sign(claims)}


def signer(path: Path) -> Callable[[Mapping[str, object]], str]:
    """Give what signs with the RSA key of a PEM file.

    Raises:
        TellUserError: the extra is missing, or the file is no such key.
    """
    try:
        import jwt  # noqa: PLC0415  # an extra
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )
    except ModuleNotFoundError:
        msg = f"{PRIVATE_KEY_FILE} needs what signs: pip install 'holdersync[salesforce]'"
        raise TellUserError(msg) from None
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        msg = f"{PRIVATE_KEY_FILE}: the key {path} can't be read ({error.strerror})"
        raise TellUserError(msg) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = f"{PRIVATE_KEY_FILE}: {path} is no private key in PEM form without a password"
        raise TellUserError(msg) from None
    if not isinstance(key, RSAPrivateKey):
        msg = f"{PRIVATE_KEY_FILE}: the key in {path} is no RSA key, which Salesforce asks for"
        raise TellUserError(msg)
    rsa_key = key
    return lambda claims: jwt.encode(dict(claims), rsa_key, algorithm="RS256")


class Session:
    """The token that calls carry now.

    Args:
        transport: sends.
        base_url: the org's own host, which is the audience too.
        grant: proves who asks.
    """

    def __init__(self, transport: Transport, base_url: str, grant: Grant) -> None:
        self._transport = transport
        self._base_url = base_url
        self._grant = grant
        self._token: str | None = None

    def token(self) -> str:
        """Give the token; asks for one if there is none.

        Raises:
            CredentialsRefusedError: Salesforce gives none.
            TellUserError: nobody gives tokens at this host.
            UnavailableError: it can't be asked now.
        """
        if self._token is None:
            body = urlencode(self._grant.form(self._base_url)).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            call = Call(f"{self._base_url}{PATH}", (), "POST", headers, body)
            self._token = self._transport.send(call, judged)
        return self._token

    def forget(self) -> None:
        """Ask for another token before the next call."""
        self._token = None


def judged(answer: Answer) -> str:
    """Give the token of an answer, or the error that says what follows."""
    told = _object(answer.body)
    if answer.status == OK:
        token = told.get("access_token")
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            msg = "Salesforce's login answered without a token"
            raise RetryError(msg)
        return token
    if answer.status == TOO_MANY or answer.status >= SERVER_ERROR or _may_pass(told):
        msg = f"Salesforce's login answered {answer.status}"
        raise RetryError(msg)
    word = told.get("error")
    if answer.status in REFUSED and isinstance(word, str):
        code = word if _WORD.fullmatch(word) else "unknown"
        msg = (
            f"Salesforce's login refused the app ({code}). Check {CLIENT_ID} and what goes with "
            f"it ({CLIENT_SECRET}, or {USERNAME} and {PRIVATE_KEY_FILE} and this machine's clock), "
            f"that the app allows this flow and has a user to run as, and that {URL} is the org's "
            "own My Domain"
        )
        raise CredentialsRefusedError(msg)
    msg = (
        f"{URL}: no Salesforce login answers there ({answer.status}): write your My Domain, such "
        "as https://MYDOMAIN.my.salesforce.com"
    )
    raise TellUserError(msg)


def _may_pass(told: Mapping[str, Any]) -> bool:
    said = told.get("error_description")
    return isinstance(said, str) and said.casefold().startswith(MAY_PASS)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
