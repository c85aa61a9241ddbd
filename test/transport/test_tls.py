# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.tls: certificates and keys as they are found on disk."""

from __future__ import annotations

import builtins
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from helpers.certificates import Authority, encrypt, replace
from ros2_igtl.transport import Options
from ros2_igtl.transport.tls import Role, Tls, TlsFilesError, explain, load_context

Files = dict[str, Any]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return one that signs."""
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> Files:
    """Return the keys of a server, or of a client that trusts the same."""
    return {**authority.issue('ours'), 'cafile': authority.cafile}


def load(role: Role = 'server', **keys: Any) -> ssl.SSLContext:
    return load_context(Options(tls=True, **keys), role)


def refusal(role: Role, keys: Files, **more: Any) -> str:
    with pytest.raises(TlsFilesError) as caught:
        load(role, **{**keys, **more})
    return str(caught.value)


@pytest.mark.parametrize('role', ['client', 'server'])
def test_a_certificate_its_key_and_an_authority_make_a_context(files: Files, role: Role) -> None:
    context = load(role, **files)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname == (role == 'client')


def test_the_key_may_stand_in_the_file_of_the_certificate(files: Files) -> None:
    together = Path(files['certfile']).read_bytes() + Path(files['keyfile']).read_bytes()
    replace(files['certfile'], together)
    assert load(certfile=files['certfile'], cafile=files['cafile'])


def test_a_client_without_files_trusts_what_the_system_trusts() -> None:
    context = load('client')
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats() == system_store()


def system_store() -> dict[str, int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context.cert_store_stats()


def test_a_server_need_not_ask_its_clients(files: Files) -> None:
    del files['cafile']
    assert load(**files, tls_client_auth='none').verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize('key', ['certfile', 'keyfile', 'cafile'])
@pytest.mark.parametrize('role', ['client', 'server'])
def test_f30_a_file_that_is_missing_or_a_folder_is_refused_by_its_key(
    files: Files, tmp_path: Path, role: Role, key: str
) -> None:
    path = str(tmp_path / 'missing.pem')
    text = refusal(role, files, **{key: path})
    assert text == (
        f'{key}: {path!r} cannot be read: No such file or directory; allowed: a file in PEM'
    )
    text = refusal(role, files, **{key: str(tmp_path)})
    assert text == f'{key}: {str(tmp_path)!r} is not a file; allowed: a file in PEM'


@pytest.mark.parametrize('key', ['certfile', 'keyfile', 'cafile'])
def test_f30_a_file_that_may_not_be_read_is_refused_by_its_key(
    files: Files, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    original = builtins.open

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> Any:  # root may read everything
        if path == files[key]:
            raise PermissionError(13, 'Permission denied')
        return original(path, *arguments, **keywords)

    monkeypatch.setattr(builtins, 'open', refuse)
    text = refusal('server', files)
    assert text.startswith(f'{key}: {files[key]!r} cannot be read: Permission denied; allowed: ')


@pytest.mark.parametrize('role', ['client', 'server'])
def test_f30_a_certificate_of_yesterday_or_tomorrow_is_refused(
    authority: Authority, files: Files, role: Role
) -> None:
    for issue, words in (
        (authority.issue_expired, 'certificate has expired'),
        (authority.issue_future, 'certificate is not yet valid'),
    ):
        other = issue('other')
        assert refusal(role, files, **other) == (
            f'certfile: {other["certfile"]!r} is rejected: {words}; allowed: a {role} '
            'certificate that is valid now'
        )


def test_f30_a_certificate_for_another_purpose_is_refused(
    authority: Authority, files: Files
) -> None:
    of_a_client = authority.issue_for_clients('of a client')
    assert load('client', **{**files, **of_a_client})
    text = refusal('server', files, **of_a_client)
    assert text.startswith(f'certfile: {of_a_client["certfile"]!r} is rejected: ')
    assert 'purpose' in text


@pytest.mark.parametrize('key', ['certfile', 'cafile'])
@pytest.mark.parametrize('content', [b'', b'no certificate', b'\0\xff' * 500])
def test_b39_a_bundle_without_a_certificate_is_refused(
    files: Files, tmp_path: Path, key: str, content: bytes
) -> None:
    path = tmp_path / 'empty.pem'
    path.write_bytes(content)
    text = refusal('server', files, **{key: str(path)})
    assert text.startswith(f'{key}: {str(path)!r} is rejected: ')
    assert 'allowed: certificates in PEM' in text


def test_b39_a_bundle_of_revocations_alone_is_refused(
    authority: Authority, files: Files, tmp_path: Path
) -> None:
    bundle = Path(authority.revoke(files['certfile'])).read_text()
    path = tmp_path / 'revocations.pem'
    path.write_text(bundle[bundle.index('-----BEGIN X509 CRL') :])
    text = refusal('server', files, cafile=str(path))
    assert text == f'cafile: {str(path)!r} contains no certificate; allowed: certificates in PEM'


def test_f30_a_bundle_in_which_all_has_expired_is_refused(
    authority: Authority, files: Files
) -> None:
    path = authority.expired_cafile()
    text = refusal('server', files, cafile=path)
    assert text == f'cafile: no certificate in {path!r} is valid now; allowed: certificates in PEM'
    both = Path(path).read_bytes() + Path(authority.cafile).read_bytes()
    replace(path, both)
    assert load(**{**files, 'cafile': path})


@pytest.mark.parametrize('role', ['client', 'server'])
@pytest.mark.parametrize('kind', list(trustme.KeyType))
def test_b39_a_key_that_does_not_fit_the_certificate_is_refused(
    authority: Authority, files: Files, role: Role, kind: trustme.KeyType
) -> None:
    other = authority.issue('other', key_type=kind)['keyfile']
    assert refusal(role, files, keyfile=other) == (
        f'keyfile: {other!r} does not fit the certificate; allowed: its own key'
    )


@pytest.mark.parametrize('role', ['client', 'server'])
def test_b39_an_encrypted_key_is_refused_and_nobody_is_asked(files: Files, role: Role) -> None:
    encrypt(files['keyfile'])
    assert refusal(role, files) == (
        f'keyfile: {files["keyfile"]!r} is encrypted; allowed: a key without a passphrase'
    )


@pytest.mark.parametrize('role', ['client', 'server'])
def test_b39_a_file_without_a_key_is_refused(files: Files, role: Role) -> None:
    text = f'keyfile: {files["certfile"]!r} contains no private key; allowed: one in PEM'
    assert refusal(role, files, keyfile='') == text
    assert refusal(role, files, keyfile=files['certfile']) == text


@pytest.mark.parametrize(
    ('role', 'keys', 'more', 'text'),
    [
        ('server', ('keyfile', 'cafile'), {}, 'certfile: is empty; allowed: the certificate of'),
        (
            'server',
            ('certfile', 'keyfile'),
            {},
            'cafile: is empty; allowed: the authority that signs',
        ),
        (
            'server',
            ('certfile', 'keyfile', 'cafile'),
            {'tls_client_auth': 'none'},
            'is not used with tls_client_auth none; allowed: empty, or tls_client_auth',
        ),
        ('client', ('keyfile', 'cafile'), {}, 'certfile: is empty; allowed: the certificate of'),
    ],
)
def test_keys_that_do_not_go_together_are_refused(
    files: Files, role: Role, keys: tuple[str, ...], more: dict[str, Any], text: str
) -> None:
    assert text in refusal(role, {key: files[key] for key in keys}, **more)


def test_a_certificate_of_which_openssl_thinks_too_little_is_refused(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        error = ssl.SSLError(1, '[SSL: EE_KEY_TOO_SMALL] ee key too small')
        error.reason = 'EE_KEY_TOO_SMALL'
        raise error

    monkeypatch.setattr(ssl.SSLContext, 'load_cert_chain', refuse)
    assert refusal('server', files) == (
        f'certfile: {files["certfile"]!r} is rejected: ee key too small; allowed: a stronger one'
    )


def test_a_key_that_everybody_can_read_is_warned_of_and_nothing_of_it_is_logged(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Tls(Options(tls=True, **files), 'server')
    assert caplog.text == ''
    os.chmod(files['keyfile'], 0o644)
    Tls(Options(tls=True, **files), 'server')
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f'TLS: all users of this machine can read the key in {files["keyfile"]!r}'
    )


def test_files_that_have_changed_are_read_again(
    authority: Authority, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tls = Tls(Options(tls=True, **files), 'server')
    first = tls.context()
    assert tls.context() is first
    authority.issue('ours')
    second = tls.context()
    assert second is not first
    assert tls.context() is second
    assert caplog.messages == ['TLS: the files changed and were read again']


@pytest.mark.parametrize('break_it', [encrypt, os.remove])
def test_files_that_have_changed_for_the_worse_are_said_once_and_those_before_kept(
    authority: Authority,
    files: Files,
    caplog: pytest.LogCaptureFixture,
    break_it: Callable[[str], None],
) -> None:
    tls = Tls(Options(tls=True, **files), 'server')
    first = tls.context()
    break_it(files['keyfile'])
    assert tls.context() is tls.context() is first
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    text = (
        f'TLS: the files changed but cannot be used, kept the old: keyfile: {files["keyfile"]!r} '
    )
    assert record.getMessage().startswith(text)
    authority.issue('ours')
    assert tls.context() is not first


def error_of(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, f'[SSL: {reason}] (_ssl.c:1)')
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ('reason', 'cause', 'text'),
    [
        ('UNSUPPORTED_PROTOCOL', 'version', 'the peer does not support TLS 1.2 or newer'),
        ('TLSV1_ALERT_PROTOCOL_VERSION', 'version', 'the peer does not support TLS 1.2'),
        ('PEER_DID_NOT_RETURN_A_CERTIFICATE', 'no_certificate', 'the peer sent no certificate'),
        (
            'TLSV13_ALERT_CERTIFICATE_REQUIRED',
            'refused_by_peer',
            'the peer refuses the connection: certificate required; set certfile',
        ),
        (
            'TLSV1_ALERT_UNKNOWN_CA',
            'refused_by_peer',
            'the peer refuses the connection: unknown ca',
        ),
        ('DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'protocol', 'decryption failed or bad record mac'),
        (None, 'protocol', 'SSL: None'),
    ],
)
def test_what_openssl_says_is_a_cause_and_a_text(
    reason: str | None, cause: str, text: str
) -> None:
    error = explain(error_of(reason))
    assert error.cause == cause
    assert str(error).startswith('TLS: ')
    assert text.lower() in str(error).lower()
