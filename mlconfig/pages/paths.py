"""Outlines as the ``d`` of an SVG path: short text, one decimal, relative steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Points = Sequence[tuple[float, float]]


def decimal(value: float) -> str:
    """At most one decimal, nothing superfluous."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def bars(heights: Sequence[float], base: float, wide: float = 1.0, start: float = 0.0) -> str:
    """Filled bars side by side that stand on ``base``, ``heights`` upwards; what is 0 has no bar."""
    parts, open_ = list[str](), False
    for place, height in enumerate(heights):
        x, top = start + place * wide, decimal(base - height)
        if top == decimal(base):
            parts.append(f"V{decimal(base)}z" if open_ else "")
            open_ = False
            continue
        parts.append(f"{'' if open_ else f'M{decimal(x)} {decimal(base)}'}V{top}H{decimal(x + wide)}")
        open_ = True
    return "".join(parts) + (f"V{decimal(base)}z" if open_ else "")


def steps(heights: Sequence[float], base: float, wide: float = 1.0, start: float = 0.0) -> str:
    """The open upper outline of bars, from the base and back to it."""
    if not any(heights):
        return ""
    parts = [f"M{decimal(start)} {decimal(base)}"]
    last = decimal(base)
    for place, height in enumerate(heights):
        top = decimal(base - height)
        if top != last:
            parts.append(f"H{decimal(start + place * wide)}V{top}")
            last = top
    parts.append(f"H{decimal(start + len(heights) * wide)}" + (f"V{decimal(base)}" if last != decimal(base) else ""))
    return "".join(parts)


def runs(cells: Iterable[int | None], wanted: int) -> str:
    """Horizontal strokes through the cells of one class; neighbours are one stroke. Draw it with the cells' height."""
    parts, begun, place = list[str](), -1, -1
    for place, cell in enumerate(cells):
        if cell == wanted and begun < 0:
            begun = place
        elif cell != wanted and begun >= 0:
            parts.append(f"M{begun} 0h{place - begun}")
            begun = -1
    if begun >= 0:
        parts.append(f"M{begun} 0h{place + 1 - begun}")
    return "".join(parts)


def line(points: Points) -> str:
    """Through points, in order."""
    return "".join(f"{'L' if i else 'M'}{decimal(x)} {decimal(y)}" for i, (x, y) in enumerate(points))


def band(low: Points, high: Points) -> str:
    """The area between two lines over the same places."""
    return line([*high, *reversed(low)]) + "z" if low else ""


def dots(points: Points) -> str:
    """Strokes of no length: round caps make them dots of one size, however the picture is stretched."""
    return "".join(f"M{decimal(x)} {decimal(y)}h0" for x, y in points)
