"""Evidence about the live API: which of it lets a run read less."""

from datetime import UTC, datetime

import pytest

from sync.ledger.probes import IDS_RISE, do_ids_rise, store_evidence
from sync.model.probe import Evidence

AT = datetime(2026, 3, 10, tzinfo=UTC)


def seen(*verdicts, subject=IDS_RISE):
    return [Evidence(subject, each, "told", AT) for each in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "rise"),
    [
        ([], False),
        (["open"], False),
        (["disproven"], False),
        (["proven"], True),
        (["proven", "open"], True),
        (["proven", "disproven"], False),
        (["disproven", "open"], False),
        (["disproven", "proven"], True),
    ],
)
def test_ids_rise_only_once_they_were_last_seen_to(ledger, verdicts, rise):
    for each in seen(*verdicts):
        store_evidence(ledger, [each])

    assert do_ids_rise(ledger) is rise


def test_no_other_answer_tells_that_ids_rise(ledger):
    store_evidence(ledger, seen("proven", subject="holder_role_filter"))

    assert not do_ids_rise(ledger)
