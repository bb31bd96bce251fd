"""The schemas of the API's answers, from which its OpenAPI document is made."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier import Classification
from web.problems import Problem


class FailedOut(BaseModel):
    """One picture among several that could not be classified."""

    error: Problem


class AnswerOut(BaseModel):
    """The model, and one result per picture, in order."""

    model: str
    results: list[Classification | FailedOut]


class ModelOut(BaseModel):
    """A model that can be asked for."""

    name: str
    title: str
    description: str
    license: str
    source: str
    input_size: tuple[int, int] = Field(description="(height, width) in pixels")
    classes: int
    languages: list[str]
    published_top1: float | None
    default: bool
    version: str = Field(description="of its content: another one when anything in its package changes")
    state: Literal["loaded", "unloaded", "updating", "outdated"] = Field(
        description="unloaded: it is loaded when it is first asked for; updating: a new version is being loaded; "
        "outdated: its folder has a version that cannot be used, so this one goes on"
    )


class LeftOutOut(BaseModel):
    """A package that is not offered as it is in its folder."""

    folder: str = Field(description="its name")
    code: str = Field(description="what is wrong, as a code of this API's errors; the server's log says more")


class ModelsOut(BaseModel):
    """All models."""

    models: list[ModelOut]
    left_out: list[LeftOutOut]


class LimitsOut(BaseModel):
    """The limits for each picture, and for all pictures at a time."""

    max_bytes: int
    max_pixels: int
    formats: list[str]
    queue: int = Field(description="pictures that may wait for their turn")
    uploads: int = Field(description="bytes of all pictures in memory at a time")


class InfoOut(BaseModel):
    """This server."""

    version: str
    python: str
    model: str = Field(description="the model that ran last")
    backend: str
    device: str = Field(description="where the last inference ran")
    reason: str = Field(description="why this backend was chosen")
    cpus: int
    limits: LimitsOut
