"""Rate windows, the billing cycle, and the headers that tell of them."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.playground.limits import Policy, Usage, admit, current, rate_headers, refusal_headers

NOON = datetime(2026, 11, 20, 12, 0, 40, 250_000, tzinfo=UTC)


def _admitted(policy, instants):
    usage, verdicts = Usage(), []
    for at in instants:
        usage, refused_by = admit(policy, usage, at)
        verdicts.append(refused_by)
    return usage, verdicts


def test_a_window_refuses_until_it_ends():
    instants = [NOON, NOON, NOON, NOON + timedelta(seconds=20)]

    _, verdicts = _admitted(Policy(2, "minute"), instants)

    assert verdicts == [None, None, "api_calls", None]


def test_a_refused_call_costs_nothing():
    usage, _ = _admitted(Policy(2, "hour", cycle_quota=5), [NOON] * 4)

    assert (usage.in_window, usage.in_cycle) == (2, 2)


def test_the_cycle_goes_before_the_rate_and_outlives_windows():
    instants = [NOON, NOON, NOON + timedelta(hours=2)]

    _, verdicts = _admitted(Policy(2, "hour", cycle_quota=2), instants)

    assert verdicts == [None, None, "api_calls_cycle"]


def test_headers_tell_the_end_of_the_window():
    policy = Policy(2, "minute")
    usage, _ = _admitted(policy, [NOON])

    assert rate_headers(policy, usage) == {
        "X-Rate-Limit-Limit": "2",
        "X-Rate-Limit-Remaining": "1",
        "X-Rate-Limit-Retry": str(int(datetime(2026, 11, 20, 12, 1, tzinfo=UTC).timestamp())),
    }


@pytest.mark.parametrize(
    ("refused_by", "retry_after", "expected"),
    [
        ("api_calls", True, {"X-Rate-Limit-Type": "api_calls", "Retry-After": "20"}),
        ("api_calls", False, {"X-Rate-Limit-Type": "api_calls"}),
        ("api_calls_cycle", True, {"X-Rate-Limit-Type": "api_calls_cycle"}),
    ],
)
def test_waiting_is_advised_only_where_it_helps(refused_by, retry_after, expected):
    policy = Policy(2, "minute", retry_after=retry_after)
    usage = current(policy, Usage(), NOON)

    assert refusal_headers(policy, usage, NOON, refused_by) == expected


@pytest.mark.parametrize("values", [(-1, "minute"), (1, "day"), (1, "hour", -1)])
def test_an_impossible_policy_is_refused(values):
    with pytest.raises(ValueError, match="rate limit"):
        Policy(*values)


def test_over_http_the_rate_answers_429_and_counts_down(start):
    client = start(rate_limit=(2, "hour"))

    answers = [client.get("/v1/customers") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["X-Rate-Limit-Remaining"] for one in answers] == ["1", "0", "0"]
    assert answers[2].headers["X-Rate-Limit-Type"] == "api_calls"
    assert answers[2].headers["Retry-After"] == str(59 * 60 + 30)
    assert answers[2].json()["code"] == 429
    assert answers[2].json()["request_id"].startswith("v-")


def test_over_http_the_used_up_cycle_advises_no_waiting(start):
    client = start(cycle_quota=1)

    client.get("/v1/customers")
    refused = client.get("/v1/customers")
    client.playground.begin_cycle(quota=1)

    assert refused.status_code == 429
    assert refused.headers["X-Rate-Limit-Type"] == "api_calls_cycle"
    assert "Retry-After" not in refused.headers
    assert client.get("/v1/customers").status_code == 200
