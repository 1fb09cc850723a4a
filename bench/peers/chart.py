"""Bars, as SVG: read on light and on dark ground, and drawn without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

BAR = 18
GAP = 8
LABEL = 190
WIDTH = 520
MARGIN = 16
FIGURE = 90
"""Pixels: of a bar, between two, for a name, for the longest bar, around all, for the number behind a bar."""

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.figure { font-size: 12px; fill: #57606a }
.ours { fill: #1a7f37 }
.theirs { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .figure { fill: #9198a1 } .ours { fill: #3fb950 } .theirs { fill: #6e7681 }
}
"""


def bars(groups: Mapping[str, Mapping[str, float]], unit: str, ours: str) -> str:
    """Titled groups of bars, each with a name and a figure, the longest first; those of `ours` stand out."""
    body: list[str] = []
    y = MARGIN
    for title, figures in groups.items():
        y += BAR
        body.append(f'<text class="title" x="{MARGIN}" y="{y}">{escape(title)}</text>')
        y += GAP
        for name, figure in _ordered(figures):
            length = max(1.0, WIDTH * figure / max(figures.values()))
            kind = "ours" if name == ours else "theirs"
            middle = y + BAR * 0.72
            body += [
                f'<text x="{MARGIN + LABEL - 8}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>',
                f'<rect class="{kind}" x="{MARGIN + LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
                f'<text class="figure" x="{MARGIN + LABEL + length + 6:.1f}" y="{middle:.1f}">'
                f"{figure:,.0f}{unit}</text>",
            ]
            y += BAR + GAP
        y += GAP
    width, height = 2 * MARGIN + LABEL + WIDTH + FIGURE, y + MARGIN
    title = escape("; ".join(groups))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{title}">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *body, "</svg>", ""])


def _ordered(figures: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    return sorted(figures.items(), key=lambda pair: -pair[1])
