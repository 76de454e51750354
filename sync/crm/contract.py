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
from sync.crm.kit.failures import Failures
from sync.crm.kit.given import Given, Held, Misconfigured, Trouble
from sync.crm.kit.naming import NotProvenWarning, go_or_tell, kinds_of, require_fair
from sync.crm.kit.play import Play
from sync.crm.kit.promises import Promises

__all__ = ["AdapterContract", "Given", "Held", "Misconfigured", "NotProvenWarning", "Trouble"]


class AdapterContract(Effects, Failures, Promises):
    """What an adapter has to do; a subclass, whose name begins with `Test`, fills in the hooks."""

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that bends the scenarios."""
        require_fair(cls, AdapterContract)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Let pytest tell a scenario once for each trouble that it is about."""
        if "kind" in metafunc.fixturenames:
            kinds = kinds_of(_number(metafunc.function.__name__), self.shape)
            metafunc.parametrize("kind", kinds, ids=[kind or "none" for kind in kinds])

    @pytest.fixture
    def play(self, request: pytest.FixtureRequest) -> Iterator[Play]:
        """One scenario's people, adapters and questions; ends it if it is named as not proven."""
        params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
        play = Play(self)
        try:
            go_or_tell(play, _number(request.function.__name__), params.get("kind"), request)
            yield play
        finally:
            play.close()


def _number(name: str) -> int:
    return int(name.split("_")[1])
