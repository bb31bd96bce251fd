"""Turns `classifier serve` into the server: translates our settings to Streamlit's, then runs it in this process.

Streamlit reads `STREAMLIT_*` variables before any of our code runs, so the launcher sets them and then replaces itself
by `streamlit run`. There is no process in between, so signals reach the server.
"""

from __future__ import annotations

import errno
import os
import pwd
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn

from classifier.api_keys import ApiKeys
from classifier.backends.names import grpc_problem
from classifier.checkout import ROOT
from classifier.errors import ParameterError
from classifier.formatting import whole_number
from classifier.package import find_packages, locate
from classifier.settings import PREFIX, Settings

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  (compared with, not bound to)

STUDIO_PORT = 7860
"""The one port of a ModelScope Studio, which cannot be changed: https://www.modelscope.cn/docs/studios/docker."""

STUDIO_FRAMES = tuple(
    f"https://{name}" for name in ("modelscope.cn", "*.modelscope.cn", "modelscope.ai", "*.modelscope.ai")
)
"""The sites that show a Studio in a frame: ModelScope's own, in China and elsewhere."""


def environment(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """The server's environment.

    Args:
        settings: ours, with what the command line changed.
        env: the present environment; `STREAMLIT_*` variables in it stay as they are.

    Returns:
        `env` with Streamlit's settings, and with ours for the page and the API.
    """
    local = settings.host in (*_EVERYWHERE, "127.0.0.1", "::1")
    streamlit = {
        "SERVER_ADDRESS": settings.host,
        "SERVER_PORT": str(settings.port),
        # For the address that it prints: browsers cannot open 0.0.0.0.
        "BROWSER_SERVER_ADDRESS": "localhost" if local else settings.host,
    }
    if settings.base_path:
        streamlit["SERVER_BASE_URL_PATH"] = settings.base_path
    frames = dict.fromkeys((*settings.frame_ancestors, *(STUDIO_FRAMES if _is_studio(env) else ())))
    if not _has_home(env):
        # Streamlit ends with a traceback where neither HOME nor a list of users names a home folder.
        env = {**env, "HOME": "/"}
    ours = {
        "HOST": settings.host,
        "PORT": str(settings.port),
        "BACKEND": settings.backend,
        "TRUST": "1" if settings.trust else "0",
        "MODEL": _model(settings),
        # The server runs in another folder, where a relative path would lead elsewhere.
        "MODELS": str(settings.models.absolute()),
        "API_KEYS_FILE": str(settings.api_keys_file.absolute()) if settings.api_keys_file else "",
        "ACCESS_LOG": settings.access_log,
        # As they were checked: the server reads these two by itself, since it needs them before the other settings.
        "CORS_ORIGINS": ",".join(settings.cors_origins),
        "FRAME_ANCESTORS": ",".join(frames),
    }
    return {
        **{f"STREAMLIT_{name}": value for name, value in streamlit.items()},
        **env,
        **{PREFIX + name: value for name, value in ours.items()},
        # Uvicorn's own variable, which trusts this machine where it is unset; the running server sets the same again.
        "FORWARDED_ALLOW_IPS": ",".join(settings.trusted_proxies),
    }


def _model(settings: Settings) -> str:
    """What names the default model for the server; empty where nobody named one, so that its successor is found."""
    folder = locate(settings.model, settings.models, chosen=settings.model_is_chosen)
    packages = find_packages(settings.models)
    if not settings.model_is_chosen and folder in (settings.models, *packages.values()):
        return ""
    return next((name for name, place in packages.items() if place == folder), str(folder.absolute()))


def _is_studio(env: Mapping[str, str]) -> bool:
    """Whether this is a ModelScope Studio, which says so to what runs in it."""
    return env.get("MODELSCOPE_ENVIRONMENT") == "studio"


def _has_home(env: Mapping[str, str]) -> bool:
    try:
        return bool(env.get("HOME") or pwd.getpwuid(os.getuid()))
    except KeyError:  # a container can run as any user
        return False


def platform_port(env: Mapping[str, str]) -> int | None:
    """The port that a hosting platform asks for; None if it asks for none, or CLASSIFIER_PORT is set.

    Most ask by the variable `PORT`; a ModelScope Studio has a fixed one.

    Raises:
        ParameterError: the variable is not the number of a port.
    """
    asked = env.get("PORT", "")
    if env.get(f"{PREFIX}PORT"):
        return None
    if not asked:
        return STUDIO_PORT if _is_studio(env) else None
    port = whole_number(asked, 65535)
    if port is None:
        raise ParameterError(f"PORT={asked}: it must be a number from 0 to 65535.")
    return port


def port_problem(host: str, port: int | str, option: str = "--port") -> str | None:
    """Why nothing can listen on this address, in a sentence, or None.

    Args:
        host: the address; "" for all.
        port: the port; 0 for any.
        option: what chooses the port, for the sentence.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        return f"The address {host} is unknown ({error.strerror}). Choose another with --host."
    with socket.socket(family, kind, protocol) as trial:
        # As servers do; without it a port counts as taken for a minute after its last user ended.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
            trial.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"Port {port} is in use already. Choose another with {option}, or end the program that uses it."
            if error.errno == errno.EACCES:
                return f"Port {port} needs administrator rights. Choose one from 1024 up with {option}."
            return f"Nothing can listen on {host}: {error.strerror}. Choose another with --host."
    return None


def problem(settings: Settings, env: Mapping[str, str]) -> str | None:
    """What keeps the server from serving with this environment, in a sentence, or None: its ports, its file of keys."""
    host, port = env["STREAMLIT_SERVER_ADDRESS"], env["STREAMLIT_SERVER_PORT"]
    if found := port_problem(host, port):
        return found
    for own, name in ((settings.metrics_port, f"{PREFIX}METRICS_PORT"), (settings.grpc_port, f"{PREFIX}GRPC_PORT")):
        if own and str(own) == port:
            return f"Port {port} is the page's. Choose another with {name}."
        if own and (found := port_problem(host, own, name)):
            return found
    if settings.grpc_port and (missing := grpc_problem()):
        return f"{PREFIX}GRPC_PORT={settings.grpc_port}: {missing}"
    try:
        if settings.api_keys_file:
            ApiKeys(settings.api_keys_file)
    except ParameterError as wrong:
        return wrong.message
    return None


def launch(env: Mapping[str, str]) -> NoReturn:
    """Becomes the server."""
    os.chdir(ROOT)
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app.py")]
    os.execvpe(command[0], command, env)  # noqa: S606
