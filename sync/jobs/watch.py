"""What a job tells while it works, and how it is asked to stop."""

from typing import Protocol


class Watch(Protocol):
    """Looks on; the command line shows a progress bar and turns signals into a stop."""

    def go_on(self) -> None:
        """Do nothing, or end the job.

        Raises:
            ParkError: a signal asked the job to stop.
        """

    def planned(self, calls: int) -> None:
        """Tell how many calls the reading will take, at the least."""

    def listed(self, customers: int) -> None:
        """Tell how many customers are selected so far."""

    def read(self, customers: int, selected: int) -> None:
        """Tell how many of the selected customers were dealt with."""
