"""Variables that a container engine sets by itself, which some settings must not be taken from.

Kubernetes tells each container of all Services in its namespace, and Docker of its old links, by variables that begin
with their names: a Service `classifier` makes `CLASSIFIER_PORT=tcp://10.96.1.1:80`, which looks like our setting.
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

log = logging.getLogger(__name__)

# No setting has such a name. `X_PORT` is a name that settings have, too; its value tells whether an engine has set it.
_NAME = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.ASCII)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://(\[[0-9a-f:.]+\]|[0-9.]+):\d+", re.ASCII | re.IGNORECASE)


def is_injected(name: str, value: str) -> bool:
    """Whether an engine has set this variable."""
    name = name.upper()
    return bool(_NAME.fullmatch(name) or (name.endswith("PORT") and _ADDRESS.fullmatch(value)))


def without_injected(env: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Takes out what an engine has set among our variables, Streamlit's and `PORT`.

    Returns:
        The environment that is left, and of what was taken out the variables that would have been read as a port.
    """
    taken = {
        name: value
        for name, value in env.items()
        if (name == "PORT" or name.startswith(("CLASSIFIER_", "STREAMLIT_"))) and is_injected(name, value)
    }
    left = {name: value for name, value in env.items() if name not in taken}
    return left, {name: value for name, value in taken.items() if _ADDRESS.fullmatch(value) and name.endswith("PORT")}


def sentence(variables: Mapping[str, str]) -> str:
    """What is said about variables that are ignored."""
    listed = ", ".join(f"{name}={value}" for name, value in variables.items())
    return f"ignored, since container engines set it for a service of that name: {listed}"


class Environment(EnvSettingsSource):
    """Where settings come from: the environment, without what a container engine has set in it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Called by pydantic."""
        value, key, is_complex = super().get_field_value(field, field_name)
        variable = f"{self.env_prefix}{field_name}".upper()
        if isinstance(value, str) and is_injected(variable, value):
            say_ignored(variable, value)
            value = None
        return value, key, is_complex


@cache  # once, however often the settings are read
def say_ignored(name: str, value: str) -> None:
    """Says it in the log."""
    log.info(sentence({name: value}))
