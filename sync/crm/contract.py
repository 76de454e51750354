"""The contract kit: a pytest base class that every adapter passes, ours and strangers'.

Subclass `AdapterContract` in a test module, as `sync/crm/README.md` shows; its numbered scenarios
are explained there under the same numbers. It needs pytest, which comes with the extra `testing`.
"""

from collections.abc import Iterator

try:
    import pytest
except ModuleNotFoundError as error:
    msg = "the contract kit needs pytest: pip install 'holdersync[testing]'"
    raise ModuleNotFoundError(msg, name="pytest") from error

from sync.crm.kit.effects import Effects
from sync.crm.kit.given import Given, Held, Misconfigured, Trouble
from sync.crm.kit.naming import NotProvenWarning, go_or_tell
from sync.crm.kit.play import Play

__all__ = ["AdapterContract", "Given", "Held", "Misconfigured", "NotProvenWarning", "Trouble"]


class AdapterContract(Effects):
    """What an adapter has to do; a subclass, whose name begins with `Test`, fills in the hooks."""

    @pytest.fixture
    def play(self, request: pytest.FixtureRequest) -> Iterator[Play]:
        """One scenario's people, adapters and questions; ends it if it is named as not proven."""
        number = int(request.function.__name__.split("_")[1])
        params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
        play = Play(self)
        try:
            go_or_tell(play, number, params.get("kind"), request)
            yield play
        finally:
            play.close()
