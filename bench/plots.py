#!/usr/bin/env python3
"""Draws the plots of docs/performance.md from the results of bench/run.

    bench/plots.py bench/results.json docs/plots

A plot whose part was not measured is left out. The colours are readable on white and on black.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402

GREY, FAINT = "#768390", "#76839044"
FIRST, SECOND, THIRD = "#2f81f7", "#db6d28", "#3fb950"
STYLE = {
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "plots",  # the same file from the same results
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
}
COLD = ["empty", "get-item", "get-token", "get-fresh-token", "node get-token", "node get-fresh-token"]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def bars(axes, names, parts, unit):
    """Horizontal bars; `parts` has the label, colour and values of what each bar consists of."""
    places = range(len(names))
    left = [0.0] * len(names)
    for label, colour, values in parts:
        axes.barh(places, values, left=left, color=colour, label=label, height=0.6)
        left = [start + value for start, value in zip(left, values)]
    for place, total in zip(places, left):
        axes.annotate(f"{number(total)} {unit}", (total, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first one at the top
    axes.set_xlim(0, max(left, default=1) * 1.25)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)


def legend(figure, axes):
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), labelcolor=GREY)


def row(rows, **values):
    """The first row with these values."""
    return next((row for row in rows if all(row.get(name) == value for name, value in values.items())), None)


def cold_starts(rows):
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    conditions = [
        ("a whole processor", {"memoryMb": None, "limited": None}),
        ("as on Lambda at 128 MB", {"memoryMb": 128, "limited": "afterInit"}),
    ]
    for axes, (title, condition) in zip(panels, conditions):
        found = [found for name in COLD if (found := row(rows, subject=name, transport="tls", **condition))]
        init = [each["initMs"]["p50"] for each in found]
        rest = [each["responseMs"]["p50"] - each["initMs"]["p50"] for each in found]
        bars(axes, [each["subject"] for each in found], [("init", FIRST, init), ("first call", SECOND, rest)], "ms")
        axes.set_title(title)
    figure.suptitle("Cold start until the first response", ha="left", x=0.01, fontsize=11)
    legend(figure, panels[0])
    return figure


def later_calls(rows):
    figure, axes = pyplot.subplots(figsize=(8, 3.2), layout="constrained")
    found = [found for name in COLD if (found := row(rows, subject=name, transport="tls"))]
    p50 = [each["ms"]["p50"] for each in found]
    rest = [each["ms"]["p99"] - each["ms"]["p50"] for each in found]
    bars(axes, [each["subject"] for each in found], [("p50", FIRST, p50), ("p99", FAINT, rest)], "ms")
    axes.set_title("Later call, DynamoDB over TLS on the same machine")
    legend(figure, axes)
    return figure


def size_and_memory(size, memory):
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    files = [(each["subject"], each["zipBytes"] / 1e6) for each in size]
    resident = [(each["subject"], each["residentMb"]) for each in memory]
    for axes, title, values in [(panels[0], "Zip file", files), (panels[1], "Resident memory after 2,000 calls", resident)]:
        bars(axes, [name for name, _ in values], [("", FIRST, [value for _, value in values])], "MB")
        axes.set_title(title)
    return figure


def cost_of_the_day(rows):
    figure, axes = pyplot.subplots(figsize=(8, 2.6), layout="constrained")
    names = [f"{each['design']}, {each['memoryMb']} MB" for each in rows]
    parts = [("API Gateway", FIRST, "apiGateway"), ("Lambda", SECOND, "lambda"), ("DynamoDB", THIRD, "dynamodb")]
    dollars = [(label, colour, [each["dollarsPerMillionPageLoads"][name] for each in rows]) for label, colour, name in parts]
    bars(axes, names, dollars, "$")
    axes.set_title("AWS, for a million page loads")
    legend(figure, axes)
    return figure


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    plots = {
        "cold-start": (cold_starts, ["cold"]),
        "later-call": (later_calls, ["warm"]),
        "size-and-memory": (size_and_memory, ["size", "memory"]),
        "day": (cost_of_the_day, ["day"]),
    }
    with pyplot.rc_context(STYLE):
        for name, (draw, parts) in plots.items():
            if all(results.get(part, {}).get("rows") for part in parts):
                figure = draw(*(results[part]["rows"] for part in parts))
                figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
