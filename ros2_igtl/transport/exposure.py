# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The rule for listening on addresses that other machines can reach."""

from __future__ import annotations

import ipaddress

from ros2_igtl.options import TransportOptions as Options


def check_exposure(address: str, options: Options) -> None:
    """
    Check that a server reachable from other machines restricts its clients.

    OpenIGTLink has no authentication.

    :param address: a host name or an IPv4 or IPv6 address to listen on.
    :raises ValueError: the address is not loopback, ``allowed_peers`` is empty, and clients need
        no certificate.
    """
    if options.allowed_peers or (options.tls and options.tls_client_auth == 'required'):
        return
    try:
        is_loopback = ipaddress.ip_address(address.partition('%')[0]).is_loopback
    except ValueError:  # a name, which may stand for any address
        is_loopback = address == 'localhost'
    if not is_loopback:
        raise ValueError(
            f'address: {address!r} is reachable from other machines, and OpenIGTLink has no '
            'authentication; set allowed_peers to the hosts that may connect, for example\n'
            '  allowed_peers:\n'
            '    - 192.168.0.0/24\n'
            'or require a certificate from every client:\n'
            '  tls: true\n'
            '  tls_client_auth: required'
        )
