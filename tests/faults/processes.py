"""Finds the Studio's processes below a running demo, by their place in the tree."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path


def children() -> dict[int, list[int]]:
    """Return the living children of every process, oldest first."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX":
            found[int(fields[1])].append((int(fields[19]), int(stat.parent.name)))
    return {parent: [pid for _, pid in sorted(pids)] for parent, pids in found.items()}


def command(pid: int) -> list[str]:
    """Return a process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def studio(parent: int) -> dict[str, list[int]]:
    """Return the processes below ``parent`` by what they do."""
    tree = children()
    found: dict[str, list[int]] = defaultdict(list)
    for pid in tree.get(parent, []):
        words = command(pid)
        if "web" in words:
            found["web master"].append(pid)
            found["web worker"] += tree.get(pid, [])
        elif "worker" in words:
            found["worker"].append(pid)
            for cluster in tree.get(pid, []):
                found["cluster"].append(cluster)
                for sentinel in tree.get(cluster, []):
                    found["sentinel"].append(sentinel)
                    # django-q2 starts its workers first, then the monitor and the pusher.
                    below = tree.get(sentinel, [])
                    if len(below) >= 3:
                        found["queue worker"] += below[:-2]
                        found["monitor"].append(below[-2])
                        found["pusher"].append(below[-1])
    return {role: pids for role, pids in found.items() if pids}
