"""Many changes in one job of Bulk API 2.0: made, filled, closed, waited for, and read row by row.

The job is bounded in time. One that is not done by then is aborted, and what it does not say to
have written is tried again later: a repeat changes nothing.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Create a Job", "Upload Job Data", "Close or
Abort a Job", "Get Job Info" and "Get Job Successful / Failed / Unprocessed Record Results".
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import StringIO

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, TellUserError
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.salesforce.api import RefusedError, SalesforceApi
from sync.crm.salesforce.rows import Kinds, outcome_of_error
from sync.crm.salesforce.soql import long_id

JOBS = ("jobs", "ingest")
ID = "Id"
ERROR = "sf__Error"

OPEN = "Open"
CLOSED = "UploadComplete"
DONE = "JobComplete"
FAILED = "Failed"
ABORTED = "Aborted"
ENDED = frozenset({DONE, FAILED, ABORTED})

FIRST_WAIT = 1.0
LONGEST_WAIT = 15.0
LONGEST_JOB = 600.0
"""Seconds of waiting after which a job is given up."""

CUT_OFF = (CrmBusyError, CredentialsRefusedError, TellUserError)
"""What ends a job that was begun. Rows may be written by then, so it is no error of all of them:
the next call meets it anew."""
NOT_DONE = Outcome.retry("Salesforce's bulk job did not get to this record in time")


class BulkUpdate:
    """Jobs that change records of one object.

    Args:
        api: asks the org.
        name: the object's API name.
        wait: waits the given seconds between two looks at a job.
    """

    def __init__(self, api: SalesforceApi, name: str, wait: Callable[[float], None]) -> None:
        self._api = api
        self._name = name
        self._wait = wait

    def update(self, changes: Sequence[Change], kinds: Kinds) -> Sequence[Outcome | None] | None:
        """Write changes; None if Salesforce takes or keeps no such job, and calls have to do.

        Raises:
            CrmBusyError: none could be begun now.
        """
        job = self._begun()
        if job is None:
            return None
        try:
            if not self._is_filled(job, _table(changes, kinds)):
                self._abort(job)
                return None
            state = self._ended(job)
        except CUT_OFF:
            # What it did until here can't be asked; the next run reads it.
            self._abort(job)
            return [NOT_DONE] * len(changes)
        if state == FAILED:
            return None
        told = self._told(job)
        return [told.get(change.record_id, NOT_DONE) for change in changes]

    def _begun(self) -> str | None:
        body = {
            "object": self._name,
            "operation": "update",
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        try:
            told = self._api.ask("POST", *JOBS, body=body)
        except (RefusedError, CredentialsRefusedError):
            # A user may have everything but this; whether it has, the calls show.
            return None
        job = told.get("id") if isinstance(told, dict) else None
        return job if isinstance(job, str) and long_id(job) else None

    def _is_filled(self, job: str, table: str) -> bool:
        try:
            self._api.put_csv(*JOBS, job, "batches", text=table)
            self._api.ask("PATCH", *JOBS, job, body={"state": CLOSED}, urgent=True)
        except RefusedError:
            # It may have been closed by a call whose answer was lost.
            return self._state(job) not in {OPEN, ""}
        return True

    def _ended(self, job: str) -> str:
        """Wait until a job has ended, or end it; give its last state."""
        waited, seconds = 0.0, FIRST_WAIT
        while (state := self._state(job)) not in ENDED:
            if waited >= LONGEST_JOB:
                self._abort(job)
                return ABORTED
            self._wait(seconds)
            waited += seconds
            seconds = min(LONGEST_WAIT, seconds * 2)
        return state

    def _state(self, job: str) -> str:
        try:
            told = self._api.ask("GET", *JOBS, job, urgent=True)
        except RefusedError:
            return ""
        state = told.get("state") if isinstance(told, dict) else None
        return state if isinstance(state, str) else ""

    def _abort(self, job: str) -> None:
        with suppress(RefusedError, *CUT_OFF):
            self._api.ask("PATCH", *JOBS, job, body={"state": ABORTED}, urgent=True)

    def _told(self, job: str) -> Mapping[str, Outcome | None]:
        """Give what became of the rows of an ended job, by Id; what it did not do is left out."""
        told: dict[str, Outcome | None] = {}
        with suppress(RefusedError, *CUT_OFF):
            for row in self._results(job, "failedResults"):
                told[_id(row)] = outcome_of_error(row.get(ERROR) or "")
            for row in self._results(job, "successfulResults"):
                told[_id(row)] = None
        return told

    def _results(self, job: str, which: str) -> list[dict[str, str]]:
        return list(csv.DictReader(StringIO(self._api.get_csv(*JOBS, job, which))))


def _table(changes: Sequence[Change], kinds: Kinds) -> str:
    """Write rows; a field that one change leaves alone is empty in its row, which is ignored."""
    names = dict.fromkeys(name for change in changes for name in change.after)
    file = StringIO()
    writer = csv.DictWriter(file, [ID, *names], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({ID: change.record_id, **kinds.as_csv(change.after)} for change in changes)
    return file.getvalue()


def _id(row: Mapping[str, str]) -> str:
    return long_id(row.get(ID) or "") or ""
