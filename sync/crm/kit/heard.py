"""Listens to every text that a person or a log gets to see, for what must not be in it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sync.crm.kit.play import require

Told = TypeVar("Told")


class Heard:
    """An ear for secrets.

    Args:
        secrets: what must be told nowhere.
        of_a_person: what must be told nowhere either, but may be of some use in an assertion.
    """

    def __init__(self, secrets: Sequence[str], *, of_a_person: Sequence[str]) -> None:
        self._unheard = [*filter(None, [*secrets, *of_a_person])]

    def text(self, where: str, *texts: str) -> None:
        """Require that a text tells nothing.

        Raises:
            AssertionError: it does; says where, and repeats it.
        """
        for text in texts:
            for unheard in self._unheard:
                require(unheard not in text, f"{where}: {unheard!r} is told in {text!r}")

    def call(self, where: str, ask: Callable[[], Sequence[Told]]) -> Sequence[Told]:
        """Ask, and listen to the error and to all that led to it; then nothing is answered."""
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, its text is listened to
            each: BaseException | None = error
            while each is not None:
                self.text(where, str(each), repr(each))
                each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
            return ()
