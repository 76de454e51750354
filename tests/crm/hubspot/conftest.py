"""What the tests of HubSpot share: adapters on our double, and unassignments of customers."""

import pytest

from tests.crm.hubspot.account import BY_CODE, adapter_on


@pytest.fixture
def adapter(hubspot):
    made = []

    def make(mapping=BY_CODE, **changes):
        made.append(adapter_on(hubspot, mapping, **changes))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def of(unassignment):
    """Unassignments of these customers."""
    return lambda *who: [
        unassignment(f"rh_{number}", customer_id=each) for number, each in enumerate(who)
    ]
