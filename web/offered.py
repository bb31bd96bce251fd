"""The packages that a server offers, and by which names callers may ask for them."""

from __future__ import annotations

import logging
from pathlib import Path

from classifier import ModelPackage
from classifier.errors import AmbiguousModelError, PackageError, UnknownModelError
from classifier.package import Catalog
from classifier.package.opened import opened_package
from classifier.settings import Settings

log = logging.getLogger(__name__)


class Offered:
    """All packages of the models folder, and the default one if it lies elsewhere.

    Attributes:
        packages: by the names that callers see, which are also those in answers.
        default: the name of the default one; empty until it is found.
        folder: where the default one is; None until it is found.
    """

    def __init__(self, settings: Settings) -> None:
        """Looks for nothing yet; see `find`."""
        self.packages: dict[str, ModelPackage] = {}
        self.default = ""
        self.folder: Path | None = None
        self._settings = settings
        self._folders: dict[str, str] = {}  # the names in `packages`, by those of the folders
        self._catalog = Catalog()

    def find(self) -> None:
        """Finds the packages and gives each its name; that of a default model from elsewhere comes first.

        Raises:
            ClassifierError: the default model cannot be found or read, as `opened_package` says.
        """
        default = opened_package(self._settings)
        self.folder = default.folder
        self._catalog = Catalog() if self._is_for_one() else Catalog.read(self._settings.models)
        for conflict in self._catalog.conflicts():
            log.warning("%s", conflict)
        here = self._catalog.key(default.folder)
        for key, folder in self._catalog.folders.items():
            if key == here:
                self._add(key, default)
            else:
                self._read(key, folder, default.name)
        if not here:
            self._add(default.folder.name, default)
        self.default = default.name

    def known(self, name: str) -> str | None:
        """The key of `packages` for a name by which a caller may ask: that of a model or of its folder."""
        return name if name in self.packages else self._folders.get(name)

    @property
    def aliases(self) -> dict[str, str]:
        """The keys of `packages` by the names of their folders, where these are others."""
        return {folder: name for folder, name in self._folders.items() if folder not in self.packages}

    def resolve(self, name: str) -> str:
        """The same for a name that must be known.

        Raises:
            UnknownModelError: there is no such model.
            AmbiguousModelError: there are several.
        """
        if found := self.known(name):
            return found
        having = self._catalog.named.get(name, [])
        if len(having) > 1:
            raise AmbiguousModelError(model=name, models=[key for key in having if key in self._folders])
        raise UnknownModelError(model=name, models=list(self.packages))

    def _is_for_one(self) -> bool:
        """Whether the engine's address names a model, which then runs for the default package and for no other."""
        return self._settings.engine is not None and any(url.model for url in self._settings.engine.urls)

    def _read(self, key: str, folder: Path, default: str) -> None:
        try:
            package = ModelPackage.load(folder, weights=self._settings.engine is None)
        except PackageError as error:
            log.warning("a model package was left out: %s", error)
            return
        name = self._catalog.name_of(key)
        if name == default == key:
            log.warning("the model in %s was left out: the default model, from elsewhere, has its name", folder)
            return
        if name == default:
            log.warning("the model in %s is named %s, since the default model has its own name", folder, key)
            name = key
        self._add(key, package.called(name))

    def _add(self, key: str, package: ModelPackage) -> None:
        self.packages[package.name] = package
        self._folders.setdefault(key, package.name)
