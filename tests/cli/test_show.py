"""What a person reads."""

from datetime import UTC, datetime

from sync.cli.show import summary_text
from sync.model.summary import CallCounts, Summary

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_is_not_known_is_said_so():
    summary = Summary(
        run_id="r1",
        kind="run",
        result="failed",
        parked_by=None,
        started_at=AT,
        finished_at=AT,
        destination="sql-1",
        calls=CallCounts(made=3, cycle_used_by_us=None, cycle_share_left=None),
        pending=None,
        dead_letters=None,
    )

    text = summary_text(summary)

    assert "an unknown number pending" in text
    assert "3 made, an unknown number of our share" in text
    assert "None" not in text
