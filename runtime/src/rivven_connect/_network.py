"""Where connectors may connect to: anywhere, or to public addresses only.

The check is of the address that a socket is about to connect to. Checking what a name resolves to
and letting the client resolve it again would leave a hole: the second answer may differ.
"""

from __future__ import annotations

import ipaddress
from typing import Final, Literal, TypeAlias

NetworkPolicy: TypeAlias = Literal["any", "public_only"]
"""`settings.network` of a pipeline."""

_V4_SPECIAL: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "100.64.0.0/10",  # carrier-grade NAT, RFC 6598; metadata of some clouds
            "168.63.129.16/32",  # metadata of Azure
            "192.0.0.0/24",  # IETF assignments, RFC 6890; metadata of some clouds
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
        ),
    )
)
_V6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_V6_SPECIAL: Final = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # IETF assignments, RFC 2928; Teredo
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4, RFC 3056: any IPv4 address may stand inside
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""An IPv4 address stands in its last 32 bits (RFC 6052, section 2.1)."""

_policy: NetworkPolicy = "any"


class NotPublicError(PermissionError):
    """The policy forbids to connect to an address."""


def set_network_policy(policy: NetworkPolicy) -> None:
    """Say where this process may connect to; holds for every connection made from now on.

    Raises:
        ValueError: no such policy.
    """
    if policy not in ("any", "public_only"):
        raise ValueError(f"no such network policy: {policy!r}")
    global _policy  # noqa: PLW0603  # one setting of the whole process
    _policy = policy


def network_policy() -> NetworkPolicy:
    """Return where this process may connect to."""
    return _policy


def require_allowed(address: str) -> None:
    """Return if a socket may connect to the numeric `address`.

    Raises:
        NotPublicError: the policy is `public_only`, and the address is not public.
    """
    if _policy == "public_only" and not is_public(address):
        raise NotPublicError(f"{address} is not a public address")


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet (RFC 6890); False if it is none.

    An IPv4 address inside an IPv6 one counts as itself.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        else:
            return ip in _V6_UNICAST and not any(ip in network for network in _V6_SPECIAL)
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _V4_SPECIAL)
    return ip.is_global and not special
