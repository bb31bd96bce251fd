"""The packages that a server offers at a moment, and by which names callers may ask for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier import ClassifierError, ModelPackage
from classifier.errors import AmbiguousModelError, PackageError, UnknownModelError
from classifier.package import Catalog, find_packages, locate
from classifier.package.opened import opened_package
from classifier.settings import Settings

log = logging.getLogger(__name__)

Found = ModelPackage | ClassifierError
"""A package as it is in its folder, or why it cannot be used."""


@dataclass(frozen=True)
class Offer:
    """All packages of the models folder, and the default one if it lies elsewhere; another offer when some changed.

    Attributes:
        packages: by the names that callers see, which are also those in answers.
        default: the name of the default one; empty until it is found.
        left_out: by the names of their folders, why packages in the folder are not among these, or are older there.
        catalog: of the folder.
    """

    packages: dict[str, ModelPackage] = field(default_factory=dict)
    default: str = ""
    left_out: dict[str, ClassifierError] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    _names: dict[str, str] = field(default_factory=dict)  # those in `packages`, by the names of the folders

    @property
    def folder(self) -> Path | None:
        """Where the default one is; None until it is found."""
        return self.packages[self.default].folder if self.default else None

    def known(self, name: str) -> str | None:
        """The key of `packages` for a name by which a caller may ask: that of a model or of its folder."""
        return name if name in self.packages else self._names.get(name)

    @property
    def aliases(self) -> dict[str, str]:
        """The keys of `packages` by the names of their folders, where these are others."""
        return {key: name for key, name in self._names.items() if key not in self.packages}

    def find(self, name: str | None = None) -> ModelPackage:
        """The package for such a name; the default one if None.

        Raises:
            UnknownModelError: there is no such model.
            AmbiguousModelError: there are several.
        """
        name = name or self.default
        if found := self.known(name):
            return self.packages[found]
        having = self.catalog.named.get(name, [])
        if len(having) > 1:
            raise AmbiguousModelError(model=name, models=[key for key in having if key in self._names])
        raise UnknownModelError(model=name, models=list(self.packages))

    def name_of(self, key: str) -> str | None:
        """The name of the package in a folder with this name; None if that is not among `packages`."""
        return self._names.get(key)

    def outdated(self, name: str) -> bool:
        """Whether what is in a model's folder now cannot be used, so that it goes on as it was before."""
        return any(self._names.get(key) == name for key in self.left_out)


def folders(settings: Settings) -> dict[str, Path]:
    """The packages of the models folder, by the names of their own folders.

    Raises:
        PackageError: the folder cannot be listed.
    """
    return {} if _is_for_one(settings) else find_packages(settings.models)


def _is_for_one(settings: Settings) -> bool:
    """Whether the engine's address names a model, which then runs for the default package and for no other."""
    return settings.engine is not None and any(url.model for url in settings.engine.urls)


def read(folder: Path, settings: Settings) -> Found:
    """A package, or what is wrong with it."""
    try:
        return ModelPackage.load(folder, weights=settings.engine is None, sealed=True)
    except PackageError as error:
        return error


def first_offer(settings: Settings) -> Offer:
    """Finds the packages and gives each its name; that of a default model from elsewhere comes first.

    Raises:
        ClassifierError: the default model cannot be found or read, as `opened_package` says.
    """
    default = opened_package(settings, sealed=True)
    there = folders(settings)
    here = Catalog(there).key(default.folder)
    if here:
        default = replace(default, folder=there[here])  # which may be written in another way
    found = {folder: default if key == here else read(folder, settings) for key, folder in there.items()}
    return _offer(there, found, default, {})


def next_offer(settings: Settings, before: Offer, fresh: Mapping[Path, Found | None]) -> Offer:
    """The offer after changes; of what cannot be used, what was there before goes on.

    Args:
        settings: as for `first_offer`.
        before: the present offer.
        fresh: by folder, what is in those that changed; None for one that has gone.
    """
    there = dict(before.catalog.folders)
    for folder, one in fresh.items():
        if one is None:
            there.pop(folder.name, None)
        elif folder.parent == settings.models and not _is_for_one(settings):
            there[folder.name] = folder
    known = {package.folder: package for package in before.packages.values()}
    default = before.packages[before.default]
    places = {default.folder.name: default.folder, **there}
    problems = {places[key]: error for key, error in before.left_out.items() if key in places}
    found = {**known, **problems, **{folder: one for folder, one in fresh.items() if one is not None}}
    if isinstance(now := found[default.folder], ModelPackage):
        default = now
    if _has_gone(before, fresh):
        if successor := _successor(settings, found):
            default = successor
        else:
            found[default.folder] = PackageError(
                f"{default.folder} has gone. Its model, the default one, goes on as long as the server does. "
                "Put the folder back, or start the server again with another model."
            )
    return _offer(dict(sorted(there.items())), found, default, known)


def _has_gone(before: Offer, fresh: Mapping[Path, Found | None]) -> bool:
    """Whether the default package's folder is not there any more."""
    folder = before.packages[before.default].folder
    if folder in fresh:
        return fresh[folder] is None
    return folder.name in before.left_out and folder not in before.catalog.folders.values()


def _successor(settings: Settings, found: Mapping[Path, Found]) -> ModelPackage | None:
    """Another package that takes the place of the default one, as it would at a start."""
    try:
        folder = locate(settings.model, settings.models, chosen=settings.model_is_chosen)
    except ClassifierError:
        return None
    package = found.get(folder)
    return package if isinstance(package, ModelPackage) else None


def _offer(
    there: Mapping[str, Path],
    found: Mapping[Path, Found],
    default: ModelPackage,
    before: Mapping[Path, ModelPackage],
) -> Offer:
    """An offer of what was found in these folders, or else was there before."""
    packages, left_out = {}, {}
    for key, folder in there.items():
        one = found.get(folder)
        if isinstance(one, ClassifierError):
            left_out[key] = one
            one = before.get(folder)
        if one is not None:
            packages[key] = one
    catalog = Catalog(dict(there), {key: package.manifest.name for key, package in packages.items()})
    here = catalog.key(default.folder)
    if here:
        default = packages[here] = packages.get(here, default).called(catalog.name_of(here))
    offer = Offer({}, default.name, left_out, catalog)
    for key, package in packages.items():
        if name := _name(key, package, default, catalog, here):
            offer.packages[name] = package.called(name)
            offer._names.setdefault(key, name)
    if not here:
        offer.packages[default.name] = default
        offer._names.setdefault(default.folder.name, default.name)
        if isinstance(one := found.get(default.folder), ClassifierError):
            left_out[default.folder.name] = one
    return offer


def _name(key: str, package: ModelPackage, default: ModelPackage, catalog: Catalog, here: str | None) -> str | None:
    """By which name the package in a folder is offered; None if not at all."""
    name = catalog.name_of(key)
    if name != default.name or key == here:
        return name
    return None if name == key else key


def warnings(offer: Offer, before: Offer) -> list[str]:
    """What to say of the names in an offer that are not as their packages have them, unless it was so before."""
    said = []
    for one in (offer, before):
        said.append([*one.catalog.conflicts(), *_renamed(one)])
    return [text for text in said[0] if text not in said[1]]


def _renamed(offer: Offer) -> list[str]:
    texts = []
    for key, folder in offer.catalog.folders.items():
        if key in offer.left_out or folder == offer.folder:
            continue
        if key not in offer._names:
            texts.append(f"the model in {folder} was left out: the default model, from elsewhere, has its name")
        elif offer._names[key] != offer.catalog.name_of(key):
            texts.append(f"the model in {folder} is named {key}, since the default model has its own name")
    return texts
