"""The certificate of podium-api; a reload replaces it for new connections."""

import ssl
from pathlib import Path
from typing import Final

from podium import errors

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


class Certificate:
    """A certificate and its key.

    :param cert_file: with the certificates of its chain
    :raises podium.errors.ConfigError: they cannot be used
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._cert_file, self._key_file = cert_file, key_file
        self._present = self._load()
        #: For servers; every connection gets the newest certificate.
        self.context = self._present
        # A single context would keep two certificates with keys of different kinds side by side.
        self.context.sni_callback = self._use_present

    def reload(self) -> None:
        """Read the files again.

        :raises podium.errors.ConfigError: they cannot be used; the former certificate stays in use
        """
        self._present = self._load()

    def _use_present(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: object, _old: object) -> None:
        connection.context = self._present

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        certificate = f"[api] cert_file = {self._cert_file}"
        key = f"[api] key_file = {self._key_file}"
        if _CERTIFICATE not in _text(self._cert_file, certificate):
            raise errors.ConfigError(f"{certificate} has no certificate in PEM")
        text = _text(self._key_file, key)
        if _KEY not in text:
            raise errors.ConfigError(f"{key} has no private key in PEM")
        if b"ENCRYPTED" in text:
            raise errors.ConfigError(f"{key} is encrypted; podium-api needs it without a passphrase")
        try:
            context.load_cert_chain(self._cert_file, self._key_file, lambda: b"")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise errors.ConfigError(f"{key} is not the key of {certificate}") from None
            reason = error.reason or "no reason given"
            raise errors.ConfigError(f"{certificate} and {key} cannot be used: {reason}") from None
        return context


def _text(file: str, label: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise errors.ConfigError(f"{label} cannot be read: {error.strerror}") from None
