"""Tables, bars and the machine: what a run prints and keeps."""

import json
import os
import pathlib
import platform
import statistics
import subprocess
from dataclasses import dataclass, field


def machine():
    """The machine that the figures are of, in a few lines."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": f"{os.cpu_count()} x {model}",
        "memory": f"{pages / 2**30:.0f} GiB",
        "congestion control": congestion,
        "revision": revision or "unknown",
    }


def spread(values):
    """"median (least-most)"."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def number(value):
    """Three significant digits, for people."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def so_many_recipients(count):
    return f"{count} recipient{'s' if count > 1 else ''}"


@dataclass
class Bar:
    """What a figure has to reach."""

    what: str
    measured: float
    least: float = None
    most: float = None

    def met(self):
        return (self.least is None or self.measured >= self.least) and (
            self.most is None or self.measured <= self.most
        )

    def wanted(self):
        return f">= {number(self.least)}" if self.most is None else f"<= {number(self.most)}"


@dataclass
class Report:
    """Prints as it goes, and keeps everything for the files."""

    lines: list = field(default_factory=list)
    raw: dict = field(default_factory=dict)
    bars: list = field(default_factory=list)

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def table(self, header, rows):
        """A Markdown table that reads well as it is."""
        rows = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(header, *rows)]

        def line(cells, pad=" "):
            first, *rest = zip(cells, widths)
            cells = [first[0].ljust(first[1], pad), *(text.rjust(width, pad) for text, width in rest)]
            return "| " + " | ".join(cells) + " |"

        self.say(line(header))
        self.say("|" + "|".join("-" * (width + 1) + ":" for width in widths).replace(":", "-", 1) + "|")
        for row in rows:
            self.say(line(row))
        self.say()

    def keep(self, key, values):
        """Raw figures, for the JSON file; printed, too."""
        print(f"raw, {key}: {json.dumps(values)}\n", flush=True)
        self.raw[key] = values

    def bar(self, what, measured, *, least=None, most=None):
        """`measured` has to be so much; figures without a bar are left out."""
        if least is not None or most is not None:
            self.bars.append(Bar(what, measured, least, most))

    def print_bars(self):
        if not self.bars:
            return
        self.say("## Bars")
        self.say()
        self.table(
            ["what", "wanted", "measured", "met"],
            [
                [bar.what, bar.wanted(), number(bar.measured), "yes" if bar.met() else "NO"]
                for bar in self.bars
            ],
        )
