"""What operators can choose: environment variables `CLASSIFIER_*`, and the command-line options that override them.

Always use `read_settings`: it checks every value, and its error says in a sentence which one is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from classifier.backends.names import AUTO, REMOTE, choices
from classifier.backends.remote.addresses import Engine, ProtocolName, parsed
from classifier.checkout import ROOT
from classifier.errors import ParameterError
from classifier.formatting import listed
from classifier.injected import Environment
from classifier.machine.cpus import cpu_count
from classifier.network import without_credentials
from classifier.picture.formats import FORMATS
from classifier.picture.limits import Limits
from classifier.setting_types import (
    PARTS,
    BackendChoice,
    BasePath,
    Formats,
    Frames,
    Hosts,
    Names,
    Networks,
    PageParts,
    Sites,
    TokenFile,
)
from classifier.views import View

PREFIX = "CLASSIFIER_"
"""How the names of our environment variables begin."""

_REMOTE_TURNS = 16  # pictures that may wait for an engine's answer while others are decoded


class Settings(BaseSettings):
    """Settings with their defaults; each field is read from `CLASSIFIER_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    models: Path = Field(default=ROOT / "model", description="Folder of model packages")
    model: str = Field(
        default="efficientnet-lite2",
        description="Default model: the name of a package in the folder, or a path to one or to a model file. "
        "Unless set, the folder's only package is taken where it has none of this name",
    )
    reload: float = Field(
        default=5,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds between two looks at the folder of packages: new and changed ones are loaded beside what "
        "runs and then take its place; `0` for only when the server gets SIGHUP",
    )
    trust: bool = Field(
        default=False, description="Whether to load model files that can run code: `.h5` files and Lambda layers"
    )
    backend: BackendChoice = Field(default=AUTO, description=listed(f"`{name}`" for name in choices()))
    remote_url: Names = Field(
        default=(),
        validate_default=True,
        repr=False,
        description="Addresses of the engine for `CLASSIFIER_BACKEND=remote`, separated by commas: "
        "`http(s)://` or `grpc(s)://host:port[/model]`; the model is the package's name if absent",
    )
    remote_protocol: ProtocolName = Field(
        default="oip",
        description="What the engine speaks: `oip`, the Open Inference Protocol v2, or `tfs`, as TensorFlow Serving",
    )
    remote_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds that the engine has for a picture, tries again included"
    )
    remote_token_file: TokenFile = Field(
        default=None, description="File of a token that the engine gets as `Authorization: Bearer TOKEN`"
    )
    cpus: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="CPUs to use where several servers share them; all that are allowed if unset",
    )
    threads: int | None = Field(
        default=None, ge=1, le=256, description="Inference threads; as many as the CPU quota if unset"
    )
    view: View = Field(
        default="crop",
        description="What a model sees of a picture unless a caller chooses: `crop`, its centre, `whole`, all of it on "
        "grey, or `both`, whose scores are averaged",
    )
    max_bytes: int = Field(default=20_000_000, ge=1, description="Largest upload, in bytes")
    max_pixels: int = Field(default=64_000_000, ge=1, description="Largest picture, in pixels")
    formats: Formats = Field(default=FORMATS, min_length=1, description="Allowed picture formats, separated by commas")
    queue: int = Field(default=32, ge=0, description="Pictures that may wait for their turn; more get `503`")
    uploads: int | None = Field(
        default=None,
        description="Bytes of all pictures that are in memory at a time; more get `503`. "
        "Up to a quarter of the free memory if unset, 400 MB at most",
    )
    client_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="Part of the queue, of the bytes and of the connections that one client may hold while others "
        "ask, too; more get `429`. A client is an address, an IPv6 network of 64 bits counting as one",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of the proxies whose `X-Forwarded-For` says who the client is, "
        "such as `10.0.0.5,172.16.0.0/12`",
    )
    host: str = Field(default="127.0.0.1", description="Address that `classifier serve` listens on")
    port: int = Field(default=8501, ge=0, le=65535, description="Port that `classifier serve` listens on")
    base_path: BasePath = Field(
        default=None,
        description="Path under which `classifier serve` puts page and API, such as `/demo`; "
        "a proxy passes it on as it is",
    )
    allowed_hosts: Hosts = Field(
        default=(),
        description="Names by which the server may be called, such as `demo.example.org,*.example.org`. If unset, any; "
        "on a loopback address only `localhost` and such addresses",
    )
    cors_origins: Sites = Field(
        default=(), description="Sites whose pages may call the API, such as `https://www.example.org`; `*` for all"
    )
    frame_ancestors: Frames = Field(
        default=(),
        description="Sites that may show the page in a frame, such as `https://www.example.org`, "
        "besides this one and Hugging Face",
    )
    page_without: PageParts = Field(
        default=(),
        description="Parts of the page that are switched off, separated by commas: "
        + listed(f"`{name}`" for name in PARTS),
    )
    api_keys_file: Path | None = Field(
        default=None, description="File of keys, a line `NAME KEY` each, of which the API then asks for one"
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port on which `/metrics` is served instead of on the page's"
    )
    grpc_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which gRPC is served, too; needs the extra `remote`",
    )
    access_log: Literal["off", "combined", "json"] = Field(
        default="off",
        description="Lines on standard output, one for each request: `combined`, as of Apache and nginx, or `json`",
    )
    stop_delay: float = Field(
        default=0,
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="Seconds for which the server goes on answering after SIGTERM, though `/readyz` says `503`, "
        "so that whoever balances load finds it out in time",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Called by pydantic: where values come from, the first that has one."""
        return init_settings, Environment(settings_cls)

    @field_validator("metrics_port", "grpc_port")
    @classmethod
    def _not_taken(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("port"):
            raise ValueError("the page has this port; choose another one")
        if value is not None and info.field_name == "grpc_port" and value == info.data.get("metrics_port"):
            raise ValueError("the metrics have this port; choose another one")
        return value

    @field_validator("uploads")
    @classmethod
    def _room_for_one(cls, value: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("max_bytes", 1)
        if value is not None and value < least:
            raise ValueError(f"too little for one upload; at least {PREFIX}MAX_BYTES, which is {least}")
        return value

    @field_validator("remote_url")
    @classmethod
    def _engines(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and info.data.get("backend") == REMOTE.name:
            raise ValueError(
                f"{PREFIX}BACKEND={REMOTE.name} needs the address of an engine, such as http://engine:8000"
            )
        for url in value:
            parsed(url)
        return value

    @property
    def model_is_chosen(self) -> bool:
        """Whether an operator named the default model; else it is only what there usually is."""
        return "model" in self.model_fields_set

    @property
    def engine(self) -> Engine | None:
        """The engine that runs the models; None if they run in this process."""
        if self.backend != REMOTE.name:
            return None
        urls = tuple(dict.fromkeys(map(parsed, self.remote_url)))
        return Engine(urls, self.remote_protocol, self.remote_timeout, self.remote_token_file)

    @property
    def turns(self) -> int:
        """Pictures in each step at once: one for each CPU, and more where an engine elsewhere does the work."""
        return cpu_count() + (_REMOTE_TURNS if self.backend == REMOTE.name else 0)

    @property
    def ahead(self) -> int:
        """Pictures that are worked on beyond those, as `Slots` says; with one CPU they would only share it."""
        return cpu_count() if cpu_count() > 1 and self.backend != REMOTE.name else 0

    @property
    def limits(self) -> Limits:
        """The limits for a picture."""
        return Limits(self.max_bytes, self.max_pixels, self.formats)


def read_settings(**options: object) -> Settings:
    """The settings: what is given here, else what the environment says now, else the defaults.

    Args:
        options: values by field name; None counts as not given.

    Raises:
        ParameterError: when a value is not allowed. The message is one line that names each wrong variable or option,
            its value and what is expected.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = (
            f"{name if name in given else PREFIX + name.upper()}={without_credentials(item['input'])}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
            for name in [str(item["loc"][0])]
        )
        raise ParameterError("; ".join(problems) + ".") from error
