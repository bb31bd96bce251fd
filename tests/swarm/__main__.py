"""What callers and visitors notice when replicas on Docker Swarm are lost and replaced: `make test-swarm`.

It deploys `deploy/swarm/stack.yaml` to the engine's swarm, or to one of a single node that it makes and ends, and
prints a table. It fails if a request failed in any phase, or if a page whose picture was under way did not have its
bars within fifteen seconds. Of the environment it takes IMAGE and NGINX_IMAGE, which are else built, and PORT.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from benchmarks.browser import browser_arguments
from benchmarks.docker import DockerError, build, docker
from tests.kubernetes.crowd import TITLES, Crowd
from tests.support.lost import route_of, seconds_to_go_on
from tests.support.photos import ROOT

STACK = "image-classifier-test"
APP = f"{STACK}_app"
PATIENCE = 300.0
GOES_ON = 15.0
"""Seconds within which a page sends its picture again."""


def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Waits for a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise DockerError(f"{otherwise} after {PATIENCE:.0f} s\n{docker('stack', 'ps', STACK)}")
        time.sleep(0.5)


class Replicas:
    """The servers of the stack that run on this node."""

    def containers(self) -> list[str]:
        """Those that are healthy."""
        label = f"label=com.docker.swarm.service.name={APP}"
        return docker("ps", "--quiet", "--filter", label, "--filter", "health=healthy").split()

    def by_route(self, route: str) -> str:
        """The one that nginx knows by this name."""
        shown = '{{(index .NetworkSettings.Networks "' + STACK + '_servers").IPAddress}}'
        found = {route_of(docker("inspect", "--format", shown, one)): one for one in self.containers()}
        return found[route]

    def all_there(self, count: int = 3) -> None:
        """Waits until there are as many as there should be, and nginx knows it."""
        until(lambda: len(self.containers()) == count, "not all replicas are there")
        time.sleep(5)


class Trial:
    """What happens in each phase; each returns what else is to be said."""

    replicas = Replicas()

    def nothing(self) -> str:
        """Nothing happens."""
        time.sleep(10)
        return ""

    def killed(self) -> str:
        """A replica is killed, and Swarm starts another one."""
        docker("kill", self.replicas.containers()[0])
        self.replicas.all_there()
        return ""

    def replaced(self) -> str:
        """A new version, of which nothing is new, by start-first; and meanwhile a replica is killed."""
        begin = time.monotonic()
        docker("service", "update", "--detach", "--force", "--quiet", APP)
        time.sleep(3)
        docker("kill", self.replicas.containers()[-1])
        until(lambda: self._update() in ("completed", "rollback_completed"), "the update does not end")
        self.replicas.all_there()
        return f"{self._update()} after {time.monotonic() - begin:.0f} s"

    def scaled(self) -> str:
        """More replicas, and fewer."""
        for count in (4, 2, 3):
            docker("service", "scale", "--detach", f"{APP}={count}")
            self.replicas.all_there(count)
        return "3, 4, 2, 3"

    def hung(self) -> str:
        """A replica stops answering, and goes on later."""
        one = self.replicas.containers()[0]
        docker("pause", one)
        try:
            time.sleep(12)
        finally:
            docker("unpause", one)
        self.replicas.all_there()
        return ""

    def _update(self) -> str:
        return docker("service", "inspect", "--format", "{{with .UpdateStatus}}{{.State}}{{end}}", APP)


@contextmanager
def deployed(port: int) -> Iterator[None]:
    """The stack, in a swarm."""
    own = docker("info", "--format", "{{.Swarm.LocalNodeState}}") != "active"
    if own:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        variables = {"PORT": str(port), "TLS_PORT": str(port + 1), "ANSWER_SECONDS": "10", "NETWORK": "10.201.80"}
        command = ["docker", "stack", "deploy", "--resolve-image", "never", "--compose-file", "deploy/swarm/stack.yaml"]
        subprocess.run([*command, STACK], cwd=ROOT, env={**os.environ, **variables}, check=True, stdout=sys.stderr)
        yield
    finally:
        docker("stack", "rm", STACK)
        until(lambda: not docker("ps", "--all", "--quiet", "--filter", f"name={STACK}"), "the stack stays")
        if own:
            docker("swarm", "leave", "--force")


@contextmanager
def crowd(port: int) -> Iterator[Crowd]:
    """Callers of nginx; the page is for `seconds_to_go_on`."""
    command = [sys.executable, "tests/kubernetes/callers.py", f"127.0.0.1:{port}", "web/page/samples/koala.webp"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Crowd(process)
        assert process.stdin is not None
        process.stdin.close()


def page_goes_on(trial: Trial, port: int, how: str) -> float:
    """Loses the server of a visit whose picture is under way; gives the seconds until its bars are there."""

    def losing(route: str) -> Callable[[], None]:
        return threading.Thread(target=docker, args=(how, trial.replicas.by_route(route))).start

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        try:
            return seconds_to_go_on(browser, f"http://127.0.0.1:{port}", losing)
        finally:
            browser.close()


def main() -> int:
    """Runs the phases and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.swarm", description=__doc__)
    parser.add_argument("--callers", type=int, default=4, help="callers of the API (default: 4)")
    parser.add_argument("--only", action="append", help="a phase to run; all if not given")
    args = parser.parse_args()
    if "IMAGE" not in os.environ:
        os.environ["IMAGE"] = "image-classifier:edge"
        build(os.environ["IMAGE"], "edge")
    if "NGINX_IMAGE" not in os.environ:
        docker("build", "--quiet", "--tag", "image-classifier:nginx", "deploy/nginx")
    port = int(os.environ.get("PORT", "18081"))
    broken = []
    with deployed(port), crowd(port) as people:
        trial = Trial()
        trial.replicas.all_there()
        print(TITLES, flush=True)
        for happen in (trial.nothing, trial.killed, trial.replaced, trial.scaled, trial.hung):
            if args.only and happen.__name__ not in args.only:
                continue
            people.be(args.callers, 0)
            time.sleep(2)
            people.begin()
            note = happen()
            found = people.end(happen.__name__, note)
            longest = f"longest {max(found.milliseconds) / 1000:.1f} s"
            print(found.row(), longest, dict(found.statuses) if found.failed else "", flush=True)
            if found.failed:
                broken.append(f"{found.name}: {dict(found.statuses)}")
        people.be(0, 0)
        for how in ("kill", "stop"):
            if args.only and "page" not in args.only:
                continue
            trial.replicas.all_there()
            done = page_goes_on(trial, port, how)
            said = f"has its bars after {done:.1f} s"
            print(f"the page, by docker {how}: {said}", flush=True)
            if done > GOES_ON:
                broken.append(f"the page did not go on for {done:.1f} s")
    for one in broken:
        print(f"BROKEN: {one}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
