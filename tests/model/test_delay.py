"""How long to wait before the next attempt: arithmetic alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model.patience import Patience, delay_before

PATIENCE = Patience(first_delay=0.5, longest_delay=20.0)
JITTER = st.floats(0, 1)


@pytest.mark.parametrize(
    ("jitter", "delays"),
    [
        (1.0, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]),
        (0.5, [0.375, 0.75, 1.5, 3.0, 6.0, 12.0, 15.0, 15.0]),
        (0.0, [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]),
    ],
)
def test_delays_double_up_to_the_longest(jitter, delays):
    found = [delay_before(attempt, None, PATIENCE, jitter) for attempt in range(1, 9)]

    assert found == delays


@pytest.mark.parametrize(
    ("asked", "jitter", "delay"),
    [(30.0, 0.0, 30.0), (30.0, 1.0, 31.0), (30.0, 0.5, 30.5), (0.25, 1.0, 0.5), (0.0, 1.0, 0.0)],
)
def test_what_the_server_asks_for_wins(asked, jitter, delay):
    assert delay_before(1, asked, PATIENCE, jitter) == delay
    assert delay_before(7, asked, PATIENCE, jitter) == delay


@given(st.integers(1, 50), JITTER)
def test_a_delay_lies_between_half_its_ceiling_and_the_ceiling(attempt, jitter):
    ceiling = min(20.0, 0.5 * 2 ** (attempt - 1))

    assert ceiling / 2 <= delay_before(attempt, None, PATIENCE, jitter) <= ceiling


@given(st.floats(0, 1e9), JITTER)
def test_the_server_is_never_asked_again_before_it_said(asked, jitter):
    assert asked <= delay_before(1, asked, PATIENCE, jitter) <= asked + 1.0
