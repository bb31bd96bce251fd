"""The image as a ModelScope Studio runs it: on port 7860, `MODELSCOPE_ENVIRONMENT`; nothing else set."""

from __future__ import annotations

import time

from classifier.cli.launcher import STUDIO_PORT
from tests.support.docker import docker, drive, ready

STUDIO = ("--env", "MODELSCOPE_ENVIRONMENT=studio")
TESTS = "tests/e2e/test_modelscope.py::test_a_picture_is_classified_inside_the_frame"


def test_pictures_arrive_from_within_the_frame_on_its_port_and_nothing_is_written(edge: str) -> None:
    with ready(edge, *STUDIO, port=STUDIO_PORT) as container:
        print(f"\n{drive(container.address, TESTS)}")
        end = time.monotonic() + 30
        while container.health != "healthy" and time.monotonic() < end:
            time.sleep(0.2)
        assert container.health == "healthy"
        written = [line for line in docker("diff", container.id).splitlines() if line not in ("C /tmp", "")]
        assert written == []
