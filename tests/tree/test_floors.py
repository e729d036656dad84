"""An include points downward only: architecture as a test. Argument: the source tree."""

import pathlib
import re
import sys
import tempfile

# Floors from the ground up; the first pattern that fits a file (without its ending) counts.
FLOORS = [
    (0, r"dsp/(delay|distribution|error|fir|measure|phasor|realtime|samples|simd)"),
    (2, r"dsp/(muscle|muscle_chain|muscle_measure|muscle_state|contractions|course|noise|pool|quality|spectral|leg|mains|mains_fit|mains_search|stride|windows)"),
    (1, r"dsp/\w+"),
    (5, r"daemon/main"),
    (4, r"daemon/(worker|capture\w*|publisher|control\w*|recorder\w*|security|devices|soundio_backend|soundio_read|soundio_session)"),
    (3, r"daemon/\w+"),
]
# What a client may use of the daemon.
CLIENTS = {
    "clients/emgreport": r"daemon/(analysis|config|montage|problem|recording|script|stream|version|wire)",
    "clients/report_windows": r"daemon/(montage|problem|script|wire)|dsp/(decimator|mains|samples|sos|windows)",
    r"clients/report_\w+": r"daemon/(config|problem|stream|version|wire)|dsp/quality",
    "clients/curve": r"daemon/keys",
    "clients/emgctl_repair": r"daemon/(bdf|problem)",
}
ANY_CLIENT = r"daemon/(json|version|wire)"


def module(path):
    return re.sub(r"\.[ch]$", "", path)


def floor(path):
    for level, pattern in FLOORS:
        if re.fullmatch(pattern, module(path)):
            return level
    return None


def includes(root, path):
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', (root / path).read_text(), re.M)


def findings(root):
    found = []
    sources = sorted(str(p.relative_to(root)) for d in ("dsp", "daemon", "clients") for p in (root / d).rglob("*.[ch]")
                     if "node_modules" not in p.parts)  # of who has run an example
    for path in sources:
        for target in includes(root, path):
            if not (root / target).is_file():
                found.append(f"{path}: includes {target}, which is not rooted at the repository")
            elif path.startswith("clients/"):
                allowed = next((a for who, a in CLIENTS.items() if re.fullmatch(who, module(path))), ANY_CLIENT)
                if not target.startswith("clients/") and not re.fullmatch(allowed, module(target)):
                    found.append(f"{path}: a client may not include {target}")
            elif target.startswith(("clients/", "tests/")) or floor(target) > floor(path):
                found.append(f"{path}: includes upward: {target}")
            elif floor(path) == 1 and floor(target) == 1 and module(target) != module(path):
                found.append(f"{path}: a stage may not include another: {target}")
    return found + cycles(root, [s for s in sources if s.endswith(".h")])


def cycles(root, headers):
    graph = {h: [t for t in includes(root, h) if t in headers] for h in headers}
    found, done = [], set()

    def visit(header, path):
        if header in path:
            found.append("headers include each other: " + " -> ".join(path[path.index(header):] + [header]))
        elif header not in done:
            for target in graph[header]:
                visit(target, path + [header])
            done.add(header)

    for header in headers:
        visit(header, [])
    return found


def proves_that_it_can_fail():
    """Each rule must catch its own breach."""
    breaches = {
        "dsp/sos.c": '#include "dsp/muscle.h"',
        "dsp/envelope.c": '#include "dsp/sos.h"',
        "dsp/trend.c": '#include "daemon/ring.h"',
        "daemon/ring.c": '#include "daemon/worker.h"',
        "daemon/worker.c": '#include "clients/feed.h"',
        "daemon/wire.c": '#include "wire.h"',
        "clients/emgctl.c": '#include "daemon/ring.h"',
        "clients/emgreport.c": '#include "daemon/worker.h"',
    }
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for path in ["dsp/muscle.h", "dsp/sos.h", "daemon/ring.h", "daemon/worker.h", "clients/feed.h"] + list(breaches):
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(breaches.get(path, "") + "\n")
        (root / "daemon/a.h").write_text('#include "daemon/b.h"\n')
        (root / "daemon/b.h").write_text('#include "daemon/a.h"\n')
        found = "\n".join(findings(root))
        for path in list(breaches) + ["headers include each other"]:
            assert path in found, f"a breach in {path} was not caught:\n{found}"


proves_that_it_can_fail()
problems = findings(pathlib.Path(sys.argv[1]))
print("\n".join(problems) or "every include points downward")
sys.exit(1 if problems else 0)
