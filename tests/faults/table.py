"""The table of faults, kinds of calls and results, as it stands in the README."""

import re
from pathlib import Path

from sync.model.patience import Patience
from tests.faults.proxy import CALLS
from tests.faults.wrongs import WRONGS

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- faults: measured; REWRITE=1 python -m pytest --long tests/faults writes it anew -->"
END = "<!-- end of faults -->"
HEADS = (
    "what goes wrong",
    "List Customers, first page",
    "List Customers, a further page",
    "an activity, first page",
    "an activity, a further page",
)


def bound_text():
    """Say how long a call may take at most; the real patience, in words."""
    patience = Patience()
    return (
        f"One request takes at most {patience.connect:.0f} s to connect and {patience.answer:.0f} s"
        f" to be answered, and a call is not tried again once it has lost {patience.total:.0f} s."
    )


def as_text(cells):
    """Write the table; `cells` has the two words of each fault and kind of call."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    for wrong in WRONGS:
        row = (" · ".join(cells[wrong.name, call]) for call in CALLS)
        lines.append(f"| {wrong.name} | {' | '.join(row)} |")
    return "\n".join(lines)


def in_readme():
    """Read the table that stands in the README: the same cells, in its order."""
    block = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [re.split(r" *\| *", line.strip(" |")) for line in block.splitlines() if "|" in line]
    told = {}
    for name, *cells in rows[2:]:
        for call, cell in zip(CALLS, cells, strict=True):
            told[name, call] = tuple(cell.split(" · "))
    return rows[0] if rows else [], told


def write_to_readme(cells):
    """Put the table in the place of the one that is there."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the README has no line {BEGIN}"
    assert end, f"the README has no line {END}"
    block = f"{BEGIN}\n\n{as_text(cells)}\n\n{bound_text()}\n{END}"
    README.write_text(f"{before}{block}{after}", encoding="utf-8")
