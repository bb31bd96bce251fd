"""Serves a checkout for development: starts the server again whenever a file of it is saved.

The modules of the page are left to Streamlit's own watcher, which reloads them below an open tab that keeps its
picture. All others belong to the API, too, and to a model that is loaded once: only a new process has them all anew.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
WATCHED = (".streamlit", "classifier", "model", "streamlit_app.py", "web")
SUFFIXES = (".css", ".js", ".json", ".py", ".toml", ".txt")
PAGE = ROOT / "web" / "page"

# Seconds between looks; files are looked at, since events of a host's files do not reach every container.
_PAUSE = 0.3
_GRACE = 1.0


def saved() -> dict[Path, int]:
    """When each file that needs a new process was saved last."""
    times = {}
    for name in WATCHED:
        for path in (ROOT / name, *(ROOT / name).rglob("*")):
            if path.suffix in SUFFIXES and not (path.suffix == ".py" and path.is_relative_to(PAGE)):
                try:
                    times[path] = path.stat().st_mtime_ns
                except OSError:  # removed just now, as editors do while they save
                    continue
    return times


def until_saved(before: dict[Path, int], server: subprocess.Popen[bytes]) -> dict[Path, int]:
    """Waits for a change; says once if the server ends meanwhile, as after a slip in its code."""
    ended = False
    while (now := saved()) == before:
        if not ended and server.poll() is not None:
            ended = True
            print(
                f"The server ended with status {server.returncode}; it starts again when a file is saved.", flush=True
            )
        time.sleep(_PAUSE)
    return now


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ends it; soon, too, while tabs are open, whose connections it would else give some seconds."""
    server.terminate()
    try:
        server.wait(_GRACE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def end(_: int, __: FrameType | None) -> None:
    """Leaves by an exception, so that the server is ended, too."""
    sys.exit(0)


def main() -> None:
    """Runs until it is asked to end."""
    signal.signal(signal.SIGTERM, end)
    times = saved()
    while True:
        server = subprocess.Popen([sys.executable, "-m", "classifier", "serve"], cwd=ROOT)
        try:
            now = until_saved(times, server)
        finally:
            stop(server)
        changed = sorted(str(path.relative_to(ROOT)) for path, _ in now.items() ^ times.items())
        print(f"Starting again: {', '.join(dict.fromkeys(changed))}", flush=True)
        times = now


if __name__ == "__main__":
    main()
