"""The certificate that all simulated BMCs share. Every simulator makes a new one."""

import datetime
import ipaddress
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE: Final = datetime.timedelta(days=365)


class Contexts(NamedTuple):
    """The TLS of simulated BMCs.

    :param usual: current TLS
    :param old: only TLS 1.0 and 1.1
    :param certificate: in PEM; self-signed
    """

    usual: ssl.SSLContext
    old: ssl.SSLContext
    certificate: str


def server_contexts(addresses: range) -> Contexts:
    """Return the TLS contexts of the BMCs, and their certificate.

    The key is briefly in a file that only its owner can read. Blocks.

    :param addresses: the addresses in the certificate
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, addresses).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    usual, old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    usual.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory(prefix="podium-sim.") as folder:  # mode 0700
        path = Path(folder, "bmc.pem")
        path.write_bytes(private + certificate)
        usual.load_cert_chain(path)
        old.load_cert_chain(path)
    return Contexts(usual, old, certificate.decode())


def make_old(context: ssl.SSLContext) -> None:
    """Restrict a context to TLS 1.0 and 1.1, without Python's warning. Not thread-safe, like all warnings."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def _certificate(key: ec.EllipticCurvePrivateKey, addresses: range) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "podium-sim")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.IPv4Address(address)) for address in addresses]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
