"""One plot as SVG: lines over two logarithmic axes; no library, a few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 80, 220, 60, 70
COLOURS = ("#444444", "#1b6ca8", "#c2571a", "#2e8b57", "#8e44ad")
DASHES = {"mean": "", "p95": "6 4"}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Whole decades from `low` to `high`, laid over `length` pixels from `start` on."""

    low: int
    high: int
    start: float
    length: float

    def place(self, value: float) -> float:
        """Give the pixel of a value."""
        part = (log10(value) - self.low) / (self.high - self.low)
        return self.start + part * self.length

    def marks(self) -> list[float]:
        """Give the values that are marked."""
        return [10.0**each for each in range(self.low, self.high + 1)]


def axis_of(values: Sequence[float], start: float, length: float) -> Axis:
    """Give an axis that holds all values."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return Axis(low, max(high, low + 1), start, length)


def svg(
    title: str,
    x_name: str,
    y_name: str,
    lines: Mapping[tuple[str, str], Points],
    marked: Mapping[str, float],
) -> str:
    """Draw lines, named by what they are of and which figure they show; `marked` are calls."""
    points = [each for line in lines.values() for each in line]
    x = axis_of([each for each, _ in points] + list(marked.values()), LEFT, WIDTH - LEFT - RIGHT)
    y = axis_of([each for _, each in points], HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    drawn = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 28, title, size=15),
        *_grid(x, y),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 22, x_name, anchor="middle"),
        (
            f'<text transform="translate(22 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_name)}</text>"
        ),
    ]
    for name, value in marked.items():
        at = x.place(value)
        drawn.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
            'stroke="#999999" stroke-dasharray="2 3"/>'
        )
        drawn.append(_text(at + 3, TOP + 12, name, colour="#666666"))
    names = list(dict.fromkeys(name for name, _ in lines))
    for number, ((name, figure), line) in enumerate(lines.items()):
        colour = COLOURS[names.index(name) % len(COLOURS)]
        path = " ".join(f"{x.place(a):.1f},{y.place(b):.1f}" for a, b in line)
        dash = f' stroke-dasharray="{DASHES[figure]}"' if DASHES[figure] else ""
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        top = TOP + 20 + 20 * number
        edge = WIDTH - RIGHT + 20
        drawn.append(
            f'<line x1="{edge}" x2="{edge + 30}" y1="{top - 4}" y2="{top - 4}" '
            f'stroke="{colour}" stroke-width="2"{dash}/>'
        )
        drawn.append(_text(edge + 38, top, f"{name}, {figure}"))
    return "\n".join([*drawn, "</svg>", ""])


def _grid(x: Axis, y: Axis) -> list[str]:
    drawn = []
    for value in x.marks():
        at = x.place(value)
        drawn.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
            'stroke="#dddddd"/>'
        )
        drawn.append(_text(at, HEIGHT - BOTTOM + 18, f"{value:,.0f}", anchor="middle"))
    for value in y.marks():
        at = y.place(value)
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>'
        )
        drawn.append(_text(LEFT - 8, at + 4, f"{value:,g}", anchor="end"))
    return drawn


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 12,
    colour: str = "black",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{colour}">{escape(text)}</text>'
    )
