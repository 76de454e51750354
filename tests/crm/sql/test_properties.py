"""Whatever is repeated, in whatever batches and order: the first effective unassignment stays."""

from contextlib import contextmanager
from datetime import timedelta
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.crm.sql.adapter import SqlAdapter

HOLDERS = [f"rh_{n}" for n in range(6)]
ASSIGNED, ENDED, OTHERS = HOLDERS[:2], HOLDERS[2:4], ["rh_other"]

batches_of_events = st.lists(
    st.lists(st.tuples(st.sampled_from(HOLDERS), st.integers(0, 3)), max_size=6), max_size=5
)


@contextmanager
def filled_table(table_in):
    """Two assigned holders, two ended ones, two unknown ones, and one that nobody tells about."""
    with TemporaryDirectory() as folder:
        table = table_in(folder)
        table.fill(*ASSIGNED, *OTHERS, customer_id="cust_1")
        table.fill(*ENDED, status="unassigned", unassigned_event_id="evcus_before")
        adapter = SqlAdapter(table.url)
        yield table, adapter
        adapter.close()


def told(unassignment, holder_id, event):
    """The `event`-th event about a holder, later by as many minutes."""
    first = unassignment(holder_id)
    return unassignment(
        holder_id,
        event_id=f"evcus_{holder_id}_{event}",
        unassigned_at=first.unassigned_at + timedelta(minutes=event),
    )


@settings(max_examples=30, deadline=None)
@given(batches=batches_of_events)
def test_the_first_effective_event_of_each_holder_stays(table_in, unassignment, batches):
    with filled_table(table_in) as (table, adapter):
        before = table.rows()
        first = {}
        for batch in batches:
            adapter.unassign([told(unassignment, *event) for event in batch])
            for holder_id, event in batch:
                first.setdefault(holder_id, told(unassignment, holder_id, event))
        after = table.rows()

    untouched = {holder_id: row for holder_id, row in before.items() if holder_id not in first}
    assert {holder_id: after[holder_id] for holder_id in untouched} == untouched
    assert set(after) == set(before) | set(first)
    for holder_id, unassigned in first.items():
        if holder_id in ENDED:
            assert after[holder_id] == before[holder_id]
        else:
            assert after[holder_id]["status"] == "unassigned"
            assert after[holder_id]["unassigned_at"] == unassigned.unassigned_at
            assert after[holder_id]["unassigned_event_id"] == unassigned.event_id


@settings(max_examples=20, deadline=None)
@given(data=st.data(), holders=st.lists(st.sampled_from(HOLDERS), max_size=8))
def test_repeats_in_any_order_lead_to_the_same_table(table_in, unassignment, data, holders):
    again = data.draw(st.lists(st.sampled_from(holders), max_size=8)) if holders else []
    shuffled = data.draw(st.permutations(holders + again))

    with filled_table(table_in) as (table, adapter):
        adapter.unassign([unassignment(holder_id) for holder_id in holders])
        expected = table.rows()
    with filled_table(table_in) as (table, adapter):
        for holder_id in shuffled:
            adapter.unassign([unassignment(holder_id)])
        actual = table.rows()

    assert expected == actual


@settings(max_examples=20, deadline=None)
@given(batch=st.lists(st.sampled_from([*HOLDERS, *OTHERS]), max_size=10))
def test_a_preview_foretells_what_unassign_answers(table_in, unassignment, batch):
    with filled_table(table_in) as (_table, adapter):
        unassignments = [unassignment(holder_id) for holder_id in batch]

        assert adapter.preview(unassignments) == adapter.unassign(unassignments)
