"""Circles in a list: each is found, soon, and nothing else is taken for one."""

from itertools import chain, cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import UnreadableError
from sync.jobs.pages import Trail


def follow(cursors):
    """Follow cursors until the trail notices a circle; give the number of steps it took."""
    trail = Trail()
    for steps, cursor in enumerate(cursors, start=1):
        try:
            trail = trail.followed(cursor)
        except UnreadableError:
            return steps
    return None


@given(st.integers(0, 200), st.integers(1, 200))
def test_any_circle_is_found_within_a_bounded_number_of_steps(way_in, length):
    cursors = chain(
        (f"in {number}" for number in range(way_in)),
        cycle([f"round {number}" for number in range(length)]),
    )
    bound = 2 * max(way_in + 2, length) + length

    steps = follow(islice(cursors, bound))

    assert steps is not None
    assert steps > way_in + length


@given(st.lists(st.text(), unique=True, max_size=300))
def test_a_list_that_goes_on_is_never_taken_for_a_circle(cursors):
    assert follow(cursors) is None


def test_the_same_cursor_twice_is_the_smallest_circle():
    with pytest.raises(UnreadableError, match="goes in circles at evcus_1") as circle:
        Trail().followed("evcus_1").followed("evcus_1")

    assert circle.value.signature == "cursor repeats"
