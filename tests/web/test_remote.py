"""A real server whose model runs in another real server: the same scores, and what it says while that one is away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.support.addresses import free_port
from tests.support.server import ROOT, running, started
from tests.support.waiting import until

PHOTO = ROOT / "tests/cifar10_photos/cat/kitten.webp"
MODEL = {"CLASSIFIER_MODEL": "cifar10"}
