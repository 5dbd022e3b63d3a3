"""parameters.yaml, filled in as a person does it."""

import re

from template import ROOT

SOURCE = (ROOT / "parameters.yaml").read_text()


def blocks(text):
    """The blocks of part 2, of which one is to be kept: for each, its lines without the comment sign."""
    part = text.split("\n# 2. ", 1)[1].split("\n# 3. ", 1)[0]
    found = []
    for block in part.split("\n\n")[1:]:
        lines = [re.sub(r"^# (?=[A-Z]\w+: )", "", line) for line in block.strip().splitlines()]
        found.append([line for line in lines if re.match(r"[A-Z]\w+: ", line)])
    return found


def filled_in(text, block, values):
    """The file with the values, and with this block of part 2 instead of the others."""
    head, rest = text.split("\n# 2. ", 1)
    tail = rest.split("\n# 3. ", 1)[1]
    lines = [*head.splitlines(), *block, "", *("# 3. " + tail).splitlines()]
    for name, value in values.items():
        given = [number for number, line in enumerate(lines) if line.startswith(f"{name}: ")]
        if given:
            lines[given[0]] = f"{name}: '{value}'"
        else:
            lines.append(f"{name}: '{value}'")
    return "\n".join(lines) + "\n"
