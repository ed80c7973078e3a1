"""Which addresses are public, so that a request may go to them unasked.

Not those of this machine, of the local network, of a link, of groups, or kept
for other purposes (RFC 6890), however they are wrapped.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

NAT64: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a translator (RFC 6052)."""

UNICAST: Final = IPv6Network("2000::/3")
"""All that has been given out of IPv6 for the internet (RFC 4291)."""


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet.

    Raises:
        ValueError: it is no address.

    >>> is_public("93.184.216.34"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    address = ip_address(text)
    wrapped = _wrapped(address) if isinstance(address, IPv6Address) else ()
    if wrapped:
        return all(is_public(str(inner)) for inner in wrapped)
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _wrapped(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo or NAT64."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    return (IPv4Address(int(address) & 0xFFFF_FFFF),) if address in NAT64 else ()
