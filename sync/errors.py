"""Errors by what happens next.

Who catches one decides by its class, never by its text. The text says what failed, which id, and
what to do; it never holds a secret, a response body or a person's data.
"""

from datetime import datetime
from typing import ClassVar, Literal

ParkedBy = Literal["cycle", "rate", "reserve", "budget", "lock", "signal", "brake"]


class HoldersyncError(Exception):
    """The root of all errors that the tool raises on purpose; `exit_code` follows sysexits.h."""

    exit_code: ClassVar[int] = 70


class TellUserError(HoldersyncError):
    """Configuration: nothing is done until a person changes a setting or runs a command."""

    exit_code = 78


class AbortError(HoldersyncError):
    """The run ends now; asking further would only repeat the failure."""


class CredentialsRefusedError(AbortError):
    """A 401 or 403: the key, its role or the CRM's token."""

    exit_code = 77


class PermissionRefusedError(CredentialsRefusedError):
    """A 403: the key is known, and its role lacks what this call needs; another call may pass."""


class NotNowError(AbortError):
    """Something that the run can't do without is busy; the next run may succeed."""

    exit_code = 69


class VendorChangedError(AbortError):
    """Voucherify answers in a way that the documentation does not know."""

    exit_code = 70


class ParkError(HoldersyncError):
    """The run stops on purpose with everything saved, to go on later."""

    exit_code = 75

    def __init__(self, message: str, *, by: ParkedBy, resume_after: datetime | None = None) -> None:
        super().__init__(message)
        self.by = by
        self.resume_after = resume_after


class RetryError(HoldersyncError):
    """The same call may succeed a little later.

    `after` is the number of seconds that the server asked for, None if it named none.
    """

    exit_code = 69

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class LeaveError(HoldersyncError):
    """This customer is left for the next run; the others go on."""

    exit_code = 69


class UnavailableError(LeaveError):
    """Retrying was used up: time-outs, 5xx or broken answers."""


class FailedError(LeaveError):
    """Asking this customer again now would fail again.

    `signature` is the same for equal failures: a row of them means that Voucherify changed, not
    that one customer is odd.
    """

    def __init__(self, message: str, *, signature: str) -> None:
        super().__init__(message)
        self.signature = signature


class RefusedError(FailedError):
    """Voucherify refused one request with a status that has no meaning of its own here.

    `resource` is the type and the id of what the refusal is about, if it says so.
    """

    def __init__(
        self,
        message: str,
        *,
        signature: str,
        resource: tuple[str | None, str | None] = (None, None),
    ) -> None:
        super().__init__(message, signature=signature)
        self.resource = resource


class CustomerGoneError(RefusedError):
    """The customer was deleted in Voucherify, and its events with it."""


class CodeGoneError(RefusedError):
    """The code was deleted in Voucherify, itself or with its campaign; nobody holds it any more."""


class UnreadableError(FailedError):
    """A list that can't be followed: an unknown envelope, a cursor or a page that repeats."""


class DeadLetterError(HoldersyncError):
    """One event needs a person; the text is the reason that the dead letter gives."""

    exit_code = 65
