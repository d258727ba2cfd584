"""What the package index, the registry and readers are told."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from rivven_connect.documents import Problem, escape_text
from rivven_generator import naming
from rivven_generator.lint.subject import Whole

_LISTS = ("tags", "aliases", "dependencies", "delivery")


def package(whole: Whole) -> Iterator[Problem]:
    """An explicit package hides no other module."""
    if "package" not in whole.top.root:
        return
    reason = naming.package_conflict(whole.manifest.package)
    if reason:
        default = naming.default_package(whole.manifest.name, whole.manifest.kind)
        yield whole.top.problem(
            "RVN207",
            f"the package cannot be called that: {reason}",
            ("package",),
            hint=f"remove the key; the package is then `{default}`",
        )


def licence(whole: Whole) -> Iterator[Problem]:
    """The licence is an SPDX expression."""
    if whole.manifest.license is None:
        return
    from packaging.licenses import (  # noqa: PLC0415  # only where there is a licence
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        canonicalize_license_expression(whole.manifest.license)
    except InvalidLicenseExpression:
        yield whole.top.problem(
            "RVN208",
            "this is not an SPDX licence expression",
            ("license",),
            hint="such as Apache-2.0, MIT or LicenseRef-Proprietary",
        )


def addresses(whole: Whole) -> Iterator[Problem]:
    """The documentation's address is a plain http or https URL."""
    address = whole.manifest.documentation_url
    if address is not None and not _is_web_address(address):
        yield whole.top.problem(
            "RVN209",
            "this is not an http or https URL without user name and password",
            ("documentation_url",),
            hint="such as https://example.com/docs",
        )


def _is_web_address(address: str) -> bool:
    if not address.isprintable() or any(char in address for char in " <>\"'`\\{}|^"):
        return False
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


def dependencies(whole: Whole) -> Iterator[Problem]:
    """A dependency is a name with extras and a version specifier: no URL, no marker, no option."""
    for index, text in enumerate(whole.manifest.dependencies):
        if not _is_plain_requirement(text):
            yield whole.top.problem(
                "RVN210",
                "a dependency is a name with a version specifier",
                ("dependencies", index),
                hint='such as "httpx>=0.28"',
            )


def _is_plain_requirement(text: str) -> bool:
    if not (text.isascii() and text.isprintable()):
        return False
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  # as above

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return False
    return not requirement.url and requirement.marker is None


def lists(whole: Whole) -> Iterator[Problem]:
    """No entry stands twice in a list."""
    for key in _LISTS:
        seen: dict[str, int] = {}
        for index, entry in enumerate(getattr(whole.manifest, key)):
            first = seen.setdefault(_entry_identity(key, entry), index)
            if first != index:
                yield _twice(whole, (key, index), entry)
    if whole.manifest.name in whole.manifest.aliases:
        at = ("aliases", whole.manifest.aliases.index(whole.manifest.name))
        yield whole.top.problem("RVN214", "an alias repeats the connector's name", at)
    for number, stream in enumerate(whole.manifest.streams):
        if len(set(stream.sync_modes)) < len(stream.sync_modes):
            yield _twice(whole, ("streams", number, "sync_modes"), stream.sync_modes[-1])


def _twice(whole: Whole, at: tuple[str | int, ...], entry: str) -> Problem:
    shown = escape_text(entry, limit=60)
    return whole.top.problem("RVN214", f"`{shown}` stands twice", at, hint="remove one of the two")


def _entry_identity(key: str, entry: str) -> str:
    if key == "dependencies" and _is_plain_requirement(entry):
        from packaging.requirements import Requirement  # noqa: PLC0415  # as above
        from packaging.utils import canonicalize_name  # noqa: PLC0415

        return canonicalize_name(Requirement(entry).name)
    return entry.casefold()
