"""The catalogue's remedy for each finding of `pam-mktemp detect`."""
from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pam_mktemp_py.cli.settings import Settings
from pam_mktemp_py.detect.model import Finding, Known
from pam_mktemp_py.errors import ConfigError

if TYPE_CHECKING:
    from pam_mktemp_py.prove.known_remedies import Remedies
    from pam_mktemp_py.remedies.catalogue import Catalogue


class Remembered:
    """Those of this host, and all that reads them, loaded when the first finding asks: most runs find nothing.

    What cannot be read is no reason not to tell what was found: `notes` says so.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    @cached_property
    def all(self) -> Remedies:
        """The remedies themselves."""
        from pam_mktemp_py.prove.known_remedies import Remedies
        catalogue = _load(self.settings)
        self.notes += [f"of the catalogue of remedies does not count: {error}" for error in catalogue.errors]
        return Remedies(catalogue, _enabled(self.settings))

    def known(self, program: str, path: str) -> Known | None:
        """A detect.model.Lookup."""
        return self.all.known(program, path)

    def data(self, finding: Finding) -> dict[str, Any] | None:
        """The key `remedy` of --json; None if the catalogue has none."""
        named = self.all.named(finding) if finding.entry else None
        if named is None:
            return None
        proof = named.proof
        proved = {"version": proof.version or None, "date": proof.date, "system": proof.system, "here": proof.here
                  } if proof is not None else None
        return {"entry": named.entry.name, "kind": named.entry.remedy.kind, "group": named.entry.group,
                "proved": proved, "enabled": named.enabled, "command": named.command or None}


def _load(settings: Settings) -> Catalogue:
    from pam_mktemp_py.remedies import catalogue
    try:
        return catalogue.load(site=catalogue.site_folder(settings.config), state=settings.state, owner=settings.owner)
    except ConfigError as error:
        return catalogue.Catalogue(errors=[error])
    except OSError as error:
        unread = ConfigError(error.filename or "the catalogue", 0, f"cannot be read: {error.strerror}")
        return catalogue.Catalogue(errors=[unread])


def _enabled(settings: Settings) -> frozenset[str]:
    """The entries that are enabled; what is wrong with the configuration is for `config check` to say."""
    from pam_mktemp_py.config.load import load
    try:
        return frozenset(load(settings.config, owner=settings.owner).shims["enabled"])
    except ConfigError:
        return frozenset()
