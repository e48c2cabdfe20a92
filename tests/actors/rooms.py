"""The rooms of actors/ stand on one another in one order: a file includes what is of its own room or of one below, never of one above.

    rooms.py ROOT
"""
import os
import re
import sys

# From the ground up. What has no room of its own is on top, but for the messages, which those from `net` on exchange.
ORDER = ("loop", "messages", "net", "observe", "dns", "serve", "control", "admin", "clients", "top", "embed", "cli", "main")
INCLUDE = re.compile(r'^#include "actors/([^"]+)"', re.M)
BASE = ("messages", "snapshot", "version")
MOST_UNITS = 13  # a unit: a source with its header


def room_of(path):
    """The room of a path below actors/."""
    first, _, rest = path.partition("/")
    if rest:
        return first
    name = first.split(".")[0]
    return name if name == "main" else "messages" if name in BASE else "top"


def wrong_arrows(name, text):
    """What a file includes that stands above it."""
    here = ORDER.index(room_of(name))
    return [other for other in INCLUDE.findall(text) if ORDER.index(room_of(other)) > here]


def check_itself():
    """A check that finds nothing must at least find these."""
    assert wrong_arrows("loop/task.hpp", '#include "actors/net/socket.hpp"\n') == ["net/socket.hpp"]
    assert wrong_arrows("serve/client/users.cpp", '#include "actors/admin/json.hpp"\n')
    assert wrong_arrows("control/ca.hpp", '#include "actors/messages.hpp"\n#include "actors/serve/core/shard_core.hpp"\n') == []


def main(root):
    check_itself()
    actors = os.path.join(root, "actors")
    found = []
    for folder, _, names in os.walk(actors):
        here = os.path.relpath(folder, actors)
        units = {name.split(".")[0] for name in names if name.endswith((".cpp", ".hpp"))}
        if here != "." and len(units) > MOST_UNITS:
            found.append(f"actors/{here}: {len(units)} units are too many for a room")
        for name in names:
            if not name.endswith((".cpp", ".hpp")) or name == "precompiled.hpp":
                continue
            path = os.path.normpath(os.path.join(here, name))
            with open(os.path.join(actors, path)) as file:
                found += [f"actors/{path}: includes actors/{other}, which stands above it" for other in wrong_arrows(path, file.read())]
    print("\n".join(sorted(found)) or "every arrow points down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
