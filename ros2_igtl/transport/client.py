# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The client: connects to a server, and reconnects; the session does the rest."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import ipaddress
import logging
import random
import socket
import threading

from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp import wait_for
from ros2_igtl.transport.tcp_endpoint import TcpEndpoint
from ros2_igtl.transport.tcp_session import TcpSession
from ros2_igtl.transport.tls import TlsError
from ros2_igtl.transport.tls_transport import TlsTransport

STABLE_S = 10.0  # after a connection that lasted this long, reconnect at once
JITTER = 0.5  # of a delay, so that not all clients of a restarted server reconnect at once


class Client(TcpEndpoint):
    """Keeps one connection to a server until it is stopped."""

    role = 'client'
    _is_delayed = True  # the next connection, unless the last one was stable

    def start(self) -> None:
        """
        Begin to connect, and return; does nothing if already started.

        :raises TlsFilesError: certificates or keys cannot be used.
        :raises RuntimeError: the I/O thread is not running.
        """
        if self._task is None:
            self._load_tls()
            self._start_task()

    def reconnect(self, session: Session, reason: str) -> None:
        """Close the session, and connect again without delay; on the I/O thread."""
        self._is_delayed = False
        super().reconnect(session, reason)

    async def _run(self) -> None:
        """Connect, wait for the end of the session, wait for a delay, and connect again."""
        where = self._name
        delay = self._options.reconnect_initial_delay
        while True:
            self._set_state('connecting', where)
            try:
                session = await self._dial_in_time()
            except (OSError, asyncio.TimeoutError) as error:
                with self._lock:
                    self._past.connect_failures += 1
                if isinstance(error, TlsError):
                    self._count_tls_failure(error)
                detail = self._describe(error)
            else:
                self._is_delayed = True
                self._set_state('connected', session.peer_name)
                begin = asyncio.get_running_loop().time()
                await asyncio.wait({session.closed})
                detail = session.closed.result()
                is_stable = asyncio.get_running_loop().time() - begin >= STABLE_S
                if is_stable or not self._is_delayed:
                    delay = self._options.reconnect_initial_delay
                    self._set_state('waiting', f'{detail}; trying again')
                    continue
            pause = delay * (1.0 + JITTER * random.random())
            delay = min(2.0 * delay, self._options.reconnect_max_delay)
            detail = f'{detail}; next try in {pause:.1f} s'
            self._throttle.log(
                logging.WARNING, ('waiting', detail.split(';')[0]), f'{where}: {detail}'
            )
            self._set_state('waiting', detail)
            await asyncio.sleep(pause)

    async def _dial_in_time(self) -> TcpSession:
        """
        Connect within ``connect_timeout``.

        :raises OSError: the connection failed.
        :raises asyncio.TimeoutError: the server did not answer in time.
        """
        # Not asyncio.wait_for(): before Python 3.12 it swallows a cancellation that arrives at the
        # moment of success, and stop() would wait in vain.
        task = asyncio.ensure_future(self._dial())
        try:
            await wait_for(task, self._options.connect_timeout)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():
            raise asyncio.TimeoutError
        return task.result()

    async def _dial(self) -> TcpSession:
        """
        Try the addresses of the server one after the other.

        :raises OSError: the error of the last address.
        """
        failure: OSError | None = None
        for address in await _resolve(self._address, self._port):
            try:
                if self._tls is None:
                    return await self._connect(address)
                return await self._secure(address)
            except OSError as error:
                failure = error
        assert failure is not None  # a resolved name has at least one address
        raise failure

    async def _connect(self, address: str) -> TcpSession:
        """
        Connect without TLS.

        :raises OSError: the connection failed.
        """
        transport, session = await asyncio.get_running_loop().create_connection(
            self._make_session, address, self._port
        )
        if transport.get_extra_info('sockname') == transport.get_extra_info('peername'):
            # TCP connects a port of the ephemeral range to itself if no server listens on it.
            transport.abort()
            await asyncio.wait({session.closed})
            raise ConnectionRefusedError(errno.ECONNREFUSED, 'connected to itself')
        return session

    async def _secure(self, address: str) -> TcpSession:
        """
        Connect with TLS; the handshake fails on a port that is connected to itself.

        :raises OSError: the connection failed, or the server is not the expected one.
        """
        assert self._tls is not None
        name = self._address.partition('%')[0]  # an IPv6 address without its scope
        _, tls = await asyncio.get_running_loop().create_connection(
            functools.partial(TlsTransport, self._tls.context(), name), address, self._port
        )
        await tls.handshake(self._options.handshake_timeout)
        session = self._make_session()
        tls.start(session)
        return session

    def _describe(self, error: OSError | asyncio.TimeoutError) -> str:
        """Return the reason why there is no connection."""
        where = self._name
        if isinstance(error, socket.gaierror):
            return f'cannot resolve {self._address!r}: {error.strerror}'
        if isinstance(error, ConnectionRefusedError):
            return f'connection refused by {where}: no server listens there'
        if isinstance(error, asyncio.TimeoutError):
            return f'no answer from {where} within {self._options.connect_timeout} s'
        if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return f'{where} is unreachable: {error}'
        return f'cannot connect to {where}: {error}'


async def _resolve(address: str, port: int) -> list[str]:
    """
    Return the numeric addresses of a host name.

    :raises socket.gaierror: the name has no address.
    """
    try:
        return [str(ipaddress.ip_address(address))]
    except ValueError:
        pass  # a name
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def finish(addresses: list[str], error: OSError | None) -> None:
        if future.done():  # timed out, or stopped
            return
        if error is None:
            future.set_result(addresses)
        else:
            future.set_exception(error)

    def look_up() -> None:
        addresses: list[str] = []
        failure: OSError | None = None
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            addresses = [str(entry[4][0]) for entry in found]
        except OSError as error:
            failure = error
        except UnicodeError as error:  # e.g. a label longer than 63 characters
            failure = socket.gaierror(socket.EAI_NONAME, str(error))
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(finish, addresses, failure)

    # Not the loop's executor: Python joins its threads at exit, which a dead name server delays.
    threading.Thread(target=look_up, name='igtl_resolve', daemon=True).start()
    return await future
