# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads and checks certificates and keys, and reads them again when they change."""

from __future__ import annotations

import contextlib
import os
import ssl
import stat
import time
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.log import logger

Role = Literal['client', 'server']

FILE_KEYS = ('certfile', 'keyfile', 'cafile')

# Errors of OpenSSL in a certificate (X509_V_ERR_* in x509_vfy.h), and in a handshake.
_VERIFY_CAUSES = {
    9: 'not_yet_valid',
    10: 'expired',
    18: 'unknown_ca',  # self-signed
    19: 'unknown_ca',
    20: 'unknown_ca',
    21: 'unknown_ca',
    23: 'revoked',
    62: 'hostname',
    64: 'hostname',  # an address instead of a name
}
_OLD = ('version', 'the peer does not support TLS 1.2 or newer')
_REASONS = {
    'PEER_DID_NOT_RETURN_A_CERTIFICATE': ('no_certificate', 'the peer sent no certificate'),
    'UNSUPPORTED_PROTOCOL': _OLD,
    'TLSV1_ALERT_PROTOCOL_VERSION': _OLD,
    'WRONG_SSL_VERSION': _OLD,
}
# OpenSSL reports these if the key does not belong to the certificate.
_OTHER_KEYS = ('KEY_VALUES_MISMATCH', 'KEY_TYPE_MISMATCH', 'NO_CERTIFICATE_ASSIGNED')
_ALERT = '_ALERT_'
_WANTED = 'certificate required'


class TlsFilesError(ValueError):
    """Certificates or keys cannot be used; the text is `key: problem; allowed: values`."""


class TlsError(ConnectionError):
    """
    A secure connection to a peer failed.

    :ivar cause: a word for counting.
    """

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(f'TLS: {text}')
        self.cause = cause


def explain(error: ssl.SSLError) -> TlsError:
    """Return an error of OpenSSL with a cause for counting and a text for the user."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = _VERIFY_CAUSES.get(error.verify_code, 'certificate')
        text = error.verify_message.rstrip('.')
        return TlsError(cause, f'the certificate of the peer is rejected: {text}')
    reason = error.reason or ''
    if reason in _REASONS:
        return TlsError(*_REASONS[reason])
    if _ALERT in reason:
        text = reason.partition(_ALERT)[2].lower().replace('_', ' ')
        hint = '; set certfile' if text == _WANTED else ''
        return TlsError('refused_by_peer', f'the peer refuses the connection: {text}{hint}')
    return TlsError('protocol', _words(error))


class Tls:
    """
    The TLS context of a client or server, from the current certificates and keys.

    :raises TlsFilesError: certificates or keys cannot be used.
    """

    def __init__(self, options: Options, role: Role) -> None:
        self._options = options
        self._role = role
        self._seen = self._look()
        self._context = load_context(options, role)
        self._warn()

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection; a new one if its files have changed."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = load_context(self._options, self._role)
            except TlsFilesError as error:
                logger.error('TLS: the files changed but cannot be used, kept the old: %s', error)
            else:
                logger.info('TLS: the files changed and were read again')
                self._warn()
        return self._context

    def _look(self) -> list[tuple[int, int] | None]:
        """Return the properties that change with each file; None for a missing file."""
        found: list[tuple[int, int] | None] = []
        for key in FILE_KEYS:
            try:
                status = os.stat(getattr(self._options, key))
            except OSError:
                found.append(None)
            else:
                found.append((status.st_ino, status.st_ctime_ns))
        return found

    def _warn(self) -> None:
        """Log a warning if all users can read the key."""
        path = self._options.keyfile or self._options.certfile
        if path and os.stat(path).st_mode & stat.S_IROTH:
            logger.warning('TLS: all users of this machine can read the key in %r', path)


def load_context(options: Options, role: Role) -> ssl.SSLContext:
    """
    Return a context with certificates and keys.

    :raises TlsFilesError: certificates or keys cannot be used.
    """
    _check_keys(options, role)
    context = _new_context(role)
    if options.certfile:
        _load_certificate(context, options, role)
    if options.cafile:
        _load_authorities(context, 'cafile', options.cafile)
    elif role == 'client':
        context.load_default_certs()
    if role == 'client' or options.tls_client_auth == 'required':
        context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = role == 'client'
    return context


def _new_context(role: Role) -> ssl.SSLContext:
    """Return a context that rejects old versions; the caller sets whom it verifies."""
    is_server = role == 'server'
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if is_server:  # no tickets: TLS 1.3 then resumes no session, and every certificate is checked
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def _check_keys(options: Options, role: Role) -> None:
    """Check that the options fit together, and that the files can be read."""
    if role == 'server':
        if not options.certfile:
            raise TlsFilesError(
                'certfile: is empty; allowed: the certificate of the server, required with tls'
            )
        if options.tls_client_auth == 'required' and not options.cafile:
            raise TlsFilesError(
                'cafile: is empty; allowed: the authority that signs the certificates of clients, '
                'or tls_client_auth none'
            )
        if options.tls_client_auth == 'none' and options.cafile:
            raise TlsFilesError(
                f'cafile: {options.cafile!r} is not used with tls_client_auth none; allowed: '
                'empty, or tls_client_auth required'
            )
    elif options.keyfile and not options.certfile:
        raise TlsFilesError('certfile: is empty; allowed: the certificate of keyfile')
    for key in FILE_KEYS:
        if path := getattr(options, key):
            _check_file(key, path)


def _check_file(key: str, path: str) -> None:
    """Check that a file can be read; OpenSSL checks its contents."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise TlsFilesError(f'{key}: {path!r} is not a file; allowed: a file in PEM')
        open(path, 'rb').close()
    except OSError as error:
        raise TlsFilesError(
            f'{key}: {path!r} cannot be read: {error.strerror}; allowed: a file in PEM'
        ) from None


def _load_certificate(context: ssl.SSLContext, options: Options, role: Role) -> None:
    """Load our own certificate with its key, and check it as a peer will."""
    path, key_path = options.certfile, options.keyfile or options.certfile

    def refuse() -> NoReturn:  # OpenSSL would ask for a passphrase on the terminal
        raise TlsFilesError(
            f'keyfile: {key_path!r} is encrypted; allowed: a key without a passphrase'
        )

    judge = _new_context('client' if role == 'server' else 'server')
    _load_authorities(judge, 'certfile', path)
    try:
        context.load_cert_chain(path, key_path, refuse)
        if role == 'client':  # a handshake needs a certificate of the server
            judge.load_cert_chain(path, key_path, refuse)
    except ssl.SSLError as error:
        if error.reason in _OTHER_KEYS:
            text = f'keyfile: {key_path!r} does not fit the certificate; allowed: its own key'
        elif error.reason is None:  # OpenSSL has not found a key
            text = f'keyfile: {key_path!r} contains no private key; allowed: one in PEM'
        else:
            text = f'certfile: {path!r} is rejected: {_words(error)}; allowed: a stronger one'
        raise TlsFilesError(text) from None
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # accept any signer
    try:
        _rehearse(context, judge, role)
    except ssl.SSLCertVerificationError as error:
        raise TlsFilesError(
            f'certfile: {path!r} is rejected: {error.verify_message}; allowed: a {role} '
            'certificate that is valid now'
        ) from None


def _rehearse(context: ssl.SSLContext, judge: ssl.SSLContext, role: Role) -> None:
    """
    Run a handshake in memory, so that OpenSSL checks dates and purpose of a certificate.

    :raises ssl.SSLCertVerificationError: the certificate is not valid.
    """
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        judge.wrap_bio(back, there, server_side=role == 'client'),
        context.wrap_bio(there, back, server_side=role == 'server'),
    ]
    while ends:
        for end in tuple(ends):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)


def _load_authorities(context: ssl.SSLContext, key: str, path: str) -> None:
    """Trust the certificates of a file, except those in its revocation list."""
    allowed = 'allowed: certificates in PEM'
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise TlsFilesError(f'{key}: {path!r} is rejected: {_words(error)}; {allowed}') from None
    found = context.cert_store_stats()
    if not found['x509']:
        raise TlsFilesError(f'{key}: {path!r} contains no certificate; {allowed}')
    if found['crl']:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    authorities = context.get_ca_certs()
    if key == 'cafile' and len(authorities) == found['x509']:
        now = time.time()
        if not any(_is_valid(authority, now) for authority in authorities):
            raise TlsFilesError(f'{key}: no certificate in {path!r} is valid now; {allowed}')


def _is_valid(certificate: Mapping[str, Any], now: float) -> bool:
    """Return whether a certificate is valid at a time."""
    begin, end = (ssl.cert_time_to_seconds(certificate[key]) for key in ('notBefore', 'notAfter'))
    return begin <= now <= end


def _words(error: ssl.SSLError) -> str:
    """Return the reason of an OpenSSL error as words."""
    return (error.reason or str(error)).lower().replace('_', ' ')
