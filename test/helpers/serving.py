# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A server of one client, for verbs that dial."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DEADLINE_S = 20.0


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one client in a thread; yields the port."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(DEADLINE_S)

        def run() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(DEADLINE_S)
                serve(peer)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield str(server.getsockname()[1])
        finally:
            thread.join(DEADLINE_S)
