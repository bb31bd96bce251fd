"""What the tests of the web server share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.components.v2 import manifest_scanner

from tests.support.served import end_decoders
from web import models as registry
from web.app import routes
from web.clients import CLIENTS

# Each run of the page without a browser otherwise reads the metadata of every installed package, which takes as long as
# the page itself.
_components = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(scope="module", autouse=True)
def _installed_components_are_looked_for_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", _components)
        yield


@pytest.fixture(autouse=True)
def _nobody_else_is_present() -> None:
    """Whoever asked in another test would leave this one a share only."""
    CLIENTS._known.clear()


@pytest.fixture(autouse=True)
def _decoders_end() -> Iterator[None]:
    yield
    end_decoders()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Asks our own routes, with the model loaded, in this process."""
    registry.models().start()
    assert registry.models().state == "ready"
    with TestClient(Starlette(routes=routes), raise_server_exceptions=False) as client:
        yield client
