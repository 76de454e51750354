"""A local Voucherify for demonstrations and tests: real HTTP on loopback over an invented world.

It knows nothing of the tool. A seed gives a world of customers, codes, assignments and events,
with every trap that is known or feared about them, and with the truth to compare with::

    with Playground(customers=500, seed=1) as playground:
        ...  # point a client at playground.base_url, with playground.app_id and .app_token
        playground.world.truth  # what a CRM should know in the end
        playground.counters()  # what it cost

What the vendor documents is followed; where the documents are silent, the playground takes the
reading that is hardest on a client. Its names are invented, its addresses on example.com and .org.
"""

from sync.playground.desk import Counters
from sync.playground.server import Playground
from sync.playground.world import World

__all__ = ["Counters", "Playground", "World"]
