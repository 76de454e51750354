"""What the live API was seen to do where its documentation is silent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Verdict = Literal["proven", "disproven", "open"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question and what was seen; `told` has figures and no person's data.

    `at` is when it was seen (UTC).
    """

    subject: str
    verdict: Verdict
    told: str
    at: datetime
