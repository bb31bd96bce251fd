"""The launcher: our settings as Streamlit's, and whether a port can be had."""

from __future__ import annotations

import pytest
from streamlit import config as streamlit_config

from classifier.cli import launcher
from classifier.errors import ParameterError
from classifier.origins import normalized, split
from classifier.settings import Settings

STUDIO = {"MODELSCOPE_ENVIRONMENT": "studio"}


def test_streamlit_knows_each_variable() -> None:
    env = launcher.environment(Settings(base_path="/demo"), {"SPACE_ID": "me/demo"})
    assert env["STREAMLIT_SERVER_BASE_URL_PATH"] == "/demo"
    known = {option.env_var for option in streamlit_config.get_config_options().values()}
    assert {name for name in env if name.startswith("STREAMLIT_")} <= known


def test_an_address_of_this_machine_is_the_one_that_is_shown() -> None:
    env = launcher.environment(Settings(host="192.168.1.5"), {})
    assert env["STREAMLIT_BROWSER_SERVER_ADDRESS"] == "192.168.1.5"


def test_what_protects_streamlits_own_paths_stays_on_in_frames_too() -> None:
    for settings, env in (
        (Settings(), {"SPACE_ID": "me/demo"}),
        (Settings(frame_ancestors=("https://a.example",)), {}),
    ):
        assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in launcher.environment(settings, env)


def test_on_a_modelscope_studio_its_sites_may_frame_the_page() -> None:
    env = launcher.environment(Settings(frame_ancestors=("https://www.example.org",)), STUDIO)
    assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in env
    named = split(env["CLASSIFIER_FRAME_ANCESTORS"])
    assert named[0] == "https://www.example.org"
    assert set(named[1:]) == set(normalized(launcher.STUDIO_FRAMES, subdomains=True))  # as origins, or none would count
    assert "https://*.modelscope.cn" in named


@pytest.mark.parametrize("said", [{}, {"MODELSCOPE_ENVIRONMENT": "dsw"}, {"MODELSCOPE_CACHE": "/mnt/workspace"}])
def test_anywhere_else_modelscope_may_not_frame_the_page(said: dict[str, str]) -> None:
    env = launcher.environment(Settings(), said)
    assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in env
    assert env["CLASSIFIER_FRAME_ANCESTORS"] == ""
    assert launcher.platform_port(said) is None


@pytest.mark.parametrize(
    ("more", "port"),
    [({}, 7860), ({"PORT": "8000"}, 8000), ({"CLASSIFIER_PORT": "9000"}, None)],
    ids=["its own", "another that it names", "the owner's, as settings have it"],
)
def test_a_modelscope_studio_is_served_on_its_port_unless_another_is_named(more: dict[str, str], port: int) -> None:
    assert launcher.platform_port({**STUDIO, **more}) == port


def test_any_free_port_is_fine() -> None:
    assert launcher.port_problem("127.0.0.1", 0) is None
    assert launcher.port_problem("0.0.0.0", 0) is None


@pytest.mark.parametrize("port", ["65536", "9" * 5000], ids=["too large", "of thousands of digits"])
def test_a_port_of_the_platform_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(ParameterError, match="from 0 to 65535"):
        launcher.platform_port({"PORT": port})
