"""Trust in certificates: the TLS contexts, one for each value of ``redfish_verify_ca``."""

import asyncio
import ssl
import time
from typing import Final

from podium import errors

_LEGACY_SERVER_CONNECT: Final = 0x4  # OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT, in Python's ssl since 3.12
_RELOADED: Final = 60.0  # seconds after which certificates that do not verify a BMC are read again


class Trust:
    """TLS contexts, shared by all connections whose targets have the same setting."""

    def __init__(self) -> None:
        self._contexts: dict[bool | str, tuple[float, asyncio.Future[ssl.SSLContext]]] = {}

    async def context(self, verify: bool | str) -> ssl.SSLContext:
        """Return a context; a new one is loaded in a thread, because certificates are read from files.

        :param verify: True for the system's certificate authorities, a file or folder of others, or False
        :raises podium.errors.InvalidDriverInfo: when they cannot be read
        """
        if verify not in self._contexts:
            self._contexts[verify] = time.monotonic(), asyncio.ensure_future(asyncio.to_thread(_load, verify))
        loading = self._contexts[verify][1]
        try:
            return await asyncio.shield(loading)
        except OSError as error:  # ssl.SSLError is one of these
            self._contexts.pop(verify, None)
            reason = error.strerror or error
            raise errors.InvalidDriverInfo(f"redfish_verify_ca: {verify} is of no use: {reason}") from None

    def doubt(self, verify: bool | str) -> None:
        """Load it again for the next connection, unless that was done recently: files may have changed."""
        if verify in self._contexts and time.monotonic() - self._contexts[verify][0] > _RELOADED:
            del self._contexts[verify]


def _load(verify: bool | str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if verify is True:
        context.load_default_certs()
    elif isinstance(verify, str):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the BMC's own certificate is enough
        try:
            context.load_verify_locations(cafile=verify)
        except IsADirectoryError:
            context.load_verify_locations(capath=verify)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Many BMCs keep their first certificate and their first TLS version, 1.0 or 1.1, for ten years.
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.options |= _LEGACY_SERVER_CONNECT
    return context
