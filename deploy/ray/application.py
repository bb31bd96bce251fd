"""API and Open Inference Protocol as an application of Ray Serve: each replica is the whole server but the page.

Settings come from the environment, as everywhere; config.yaml beside this gives each replica its own.
"""

from __future__ import annotations

import math
import os

import ray
from ray import serve
from starlette.types import ASGIApp


def build() -> ASGIApp:
    """What a replica serves; called by Ray in the replica, once it is made."""
    from web.service import make_service  # only replicas have the settings, and only they should load all this

    return make_service()


@serve.deployment
@serve.ingress(build)
class ImageClassifier:
    """A replica: a model, its decoders and its queue, within the CPUs that Ray has given it."""

    def __init__(self) -> None:
        """Loads the model.

        Raises:
            RuntimeError: a setting is wrong, or the model cannot be loaded. Ray shows why, and keeps older replicas.
        """
        # Several replicas share a machine's CPUs by what each asks for, which no quota of the kernel says.
        cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
        os.environ.setdefault("CLASSIFIER_CPUS", str(math.ceil(cpus)))

        from classifier.errors import ClassifierError  # imported late, as said above
        from web.server.uvicorn_server import trusted_proxies
        from web.service import load

        # Uvicorn's own list, which has this machine on it, is read when Ray starts it after this.
        os.environ["FORWARDED_ALLOW_IPS"] = ",".join(trusted_proxies().networks)
        try:
            load()
        except ClassifierError as error:
            raise RuntimeError(error.message) from None  # which can be sent to another process

    def __del__(self) -> None:
        """Removes what must not outlive the replica."""
        from web.models import models

        models().forget()


app = ImageClassifier.bind()  # type: ignore[attr-defined]
