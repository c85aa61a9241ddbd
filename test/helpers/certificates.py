# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Authorities and certificates of them, made for a test and written to its folder."""

from __future__ import annotations

import datetime
import os
import ssl
import warnings
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """
    One that signs certificates.

    :param folder: where its files are written, and those of the certificates that it signs.
    """

    def __init__(self, folder: Path, name: str = 'authority') -> None:
        self.folder = folder
        self._authority = trustme.CA()
        self.cafile = str(self.folder / f'{name}.pem')
        self._authority.cert_pem.write_to_path(self.cafile)

    def issue(self, name: str, *hosts: str, **more: Any) -> dict[str, Any]:
        """
        Return certfile and keyfile of a new certificate.

        :param name: of the files, and whom the certificate is for.
        :param hosts: names and addresses it is good for; none: 127.0.0.1 and localhost.
        :param more: not_before, not_after, key_type of trustme.
        """
        issued = self._authority.issue_cert(
            *(hosts or ('127.0.0.1', 'localhost')), common_name=name, **more
        )
        chain = b''.join(part.bytes() for part in issued.cert_chain_pems)
        return self._write(name, chain, issued.private_key_pem.bytes())

    def issue_expired(self, name: str) -> dict[str, Any]:
        """Return certfile and keyfile of a certificate of yesterday."""
        now = datetime.datetime.now(datetime.timezone.utc)
        return self.issue(name, not_before=now - 2 * DAY, not_after=now - DAY)

    def issue_future(self, name: str) -> dict[str, Any]:
        """Return certfile and keyfile of a certificate of tomorrow."""
        now = datetime.datetime.now(datetime.timezone.utc)
        return self.issue(name, not_before=now + DAY, not_after=now + 2 * DAY)

    def issue_for_clients(self, name: str) -> dict[str, Any]:
        """Return certfile and keyfile of a certificate that no server may use."""
        key = self._key()
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        now = datetime.datetime.now(datetime.timezone.utc)
        signed = (
            self._builder(name, key)
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(usage, critical=False)
            .sign(key, hashes.SHA256())
        )
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._write(name, signed.public_bytes(Encoding.PEM), text)

    def expired_cafile(self, name: str = 'expired') -> str:
        """Return a file with an authority of yesterday."""
        now = datetime.datetime.now(datetime.timezone.utc)
        key = self._key()
        signed = (
            self._builder(name, key)
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now - DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = self.folder / f'{name}.pem'
        path.write_bytes(signed.public_bytes(Encoding.PEM))
        return str(path)

    def revoke(self, certfile: str, name: str = 'revoked') -> str:
        """Return a file with this authority and a list that revokes a certificate."""
        revoked = x509.load_pem_x509_certificate(Path(certfile).read_bytes())
        now = datetime.datetime.now(datetime.timezone.utc)
        entry = x509.RevokedCertificateBuilder().serial_number(revoked.serial_number)
        revocations = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(revoked.issuer)
            .last_update(now - DAY)
            .next_update(now + DAY)
            .add_revoked_certificate(entry.revocation_date(now - DAY).build())
            .sign(self._key(), hashes.SHA256())
        )
        path = self.folder / f'{name}.pem'
        text = revocations.public_bytes(Encoding.PEM)
        path.write_bytes(Path(self.cafile).read_bytes() + text)
        return str(path)

    def _key(self) -> Any:
        return load_pem_private_key(self._authority.private_key_pem.bytes(), None)

    def _builder(self, name: str, key: Any) -> Any:
        """Return a certificate that is to be signed with its own key, without its dates."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
        )

    def _write(self, name: str, certificates: bytes, key: bytes) -> dict[str, Any]:
        paths = {
            'certfile': str(self.folder / f'{name}.crt'),
            'keyfile': str(self.folder / f'{name}.key'),
        }
        replace(paths['certfile'], certificates)
        replace(paths['keyfile'], key)
        return paths


def replace(path: str, data: bytes) -> None:
    """Put a file, which only its owner can read, in the place of another."""
    beside = f'{path}.new'
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
        file.write(data)
    os.replace(beside, path)


def encrypt(keyfile: str) -> None:
    """Encrypt a key in place."""
    key = load_pem_private_key(Path(keyfile).read_bytes(), None)
    encryption = BestAvailableEncryption(b'secret')
    replace(keyfile, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def client_context(cafile: str, files: dict[str, Any] | None = None) -> ssl.SSLContext:
    """Return what a client of the standard library needs, with a certificate of its own or not."""
    context = ssl.create_default_context(cafile=cafile)
    if files is not None:
        context.load_cert_chain(files['certfile'], files['keyfile'])
    return context


def server_context(files: dict[str, Any], cafile: str | None = None) -> ssl.SSLContext:
    """Return what a server of the standard library needs; with an authority it asks clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files['certfile'], files['keyfile'])
    if cafile is not None:
        context.load_verify_locations(cafile)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_old(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context speak TLS 1.0 and 1.1 only, and return it."""
    context.set_ciphers('ALL:@SECLEVEL=0')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context
