"""The options of what goes over XMPP: end-to-end security, and the mode that holds PDUs against their schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import attrs
import click

from ...common.security.tls import Credentials

if TYPE_CHECKING:  # what they need takes longer to load than most commands take
    from ...iec61850.scsm82.protection import Security
    from ...iec61850.scsm82.validation import Validation

F = TypeVar("F", bound=Callable[..., Any])
Policy = Literal["required", "allowed", "off"]

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = [
    click.option(
        "--security", type=click.Choice(["required", "allowed", "off"]), default=None,
        help="XMPP: end-to-end security; required where a certificate is given, else off",
    ),
    click.option("--certificate", type=_File, help="XMPP: ours for end-to-end security, with our JID (PEM)"),
    click.option("--certificate-key", type=_File, help="XMPP: its key (PEM)"),
    click.option("--authorities", type=_File, help="XMPP: whose certificates are believed (PEM)"),
    click.option("--revoked", type=_File, help="XMPP: their revocation lists (PEM)"),
    click.option(
        "--suite", "suites", multiple=True, type=click.Choice(["encrypted", "clear"]),
        help="XMPP: encrypted, or clear: servers between can read but not change it; encrypted if not given",
    ),
    click.option("--validate", is_flag=True, help="XMPP: hold every PDU against its schema, and tell"),
    click.option("--schema", "schemas", multiple=True, type=_File, help="with --validate: an XSD in place of ours"),
]  # fmt: skip


@attrs.frozen(slots=True)
class Protection:
    """What the options say."""

    policy: Policy = "off"
    credentials: Credentials | None = None
    suites: tuple[str, ...] = ("encrypted",)
    validate: bool = False
    schemas: tuple[Path, ...] = ()

    @classmethod
    def taken(cls, given: dict[str, Any]) -> Protection:
        """Take the options out of those that a command was given; raise `UsageError` for what does not go together."""
        said, certificate = cast(Policy | None, given.pop("security")), given.pop("certificate")
        key, authorities, revoked = given.pop("certificate_key"), given.pop("authorities"), given.pop("revoked")
        suites, validate, schemas = given.pop("suites"), given.pop("validate"), given.pop("schemas")
        if schemas and not validate:
            raise click.UsageError("--schema goes with --validate")
        files = (certificate, key, authorities)
        policy: Policy = said or ("required" if any(files) else "off")
        if policy == "off":
            if any(files) or revoked or suites:
                raise click.UsageError("there is no end-to-end security without --certificate, or with --security off")
            return cls(validate=validate, schemas=schemas)
        if not all(files):
            raise click.UsageError("end-to-end security needs --certificate, --certificate-key and --authorities")
        credentials = Credentials(certificate, key, authorities, revoked)
        return cls(policy, credentials, suites or ("encrypted",), validate, schemas)

    @property
    def given(self) -> bool:
        """Whether anything was said that is for XMPP alone."""
        return self.validate or self.credentials is not None

    def security(self) -> Security | None:
        """Return what makes associations safe from end to end; None without. Raises `ConfigError`."""
        if self.credentials is None or self.policy == "off":
            return None
        from ...common.security.e2e import Suite
        from ...iec61850.scsm82.protection import Security

        suites = tuple(Suite[name.upper()] for name in self.suites)
        return Security.of(self.credentials, policy=self.policy, suites=suites)

    def validation(self) -> Validation | None:
        """Return what holds PDUs against their schemas; None without. Raises `ConfigError`."""
        if not self.validate:
            return None
        from ...iec61850.scsm82.validation import Validation

        return Validation(*self.schemas)


def tell(validation: Validation | None) -> None:
    """Say at the end what was found."""
    if validation is not None:
        for way, checked in validation.checked.items():
            click.echo(f"{way}: {checked} PDUs, {validation.faulty[way]} of them not valid", err=True)


def protected(command: F) -> F:
    """Give a command these options; it takes them out of what it is given by `Protection.taken`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
