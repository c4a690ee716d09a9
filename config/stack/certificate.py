"""A certificate of our own for a receiver on this machine: for the demo and for tests."""

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE: Final = timedelta(days=365)
FILE: Final = "webhook-echo.pem"
HERE: Final = ("127.0.0.1", "localhost")


def ready(*, folder: Path, names: Sequence[str], at: datetime) -> Path:
    """This function will give the file of :func:`write`, made now unless a good one is there.

    Good is one that lasts for another month.
    """
    file = folder / FILE
    if file.exists():
        made = x509.load_pem_x509_certificate(file.read_bytes())
        if made.not_valid_after_utc > at + timedelta(days=30):
            return file
    return write(folder=folder, names=names, at=at)


def write(*, folder: Path, names: Sequence[str], at: datetime) -> Path:
    """This function will write a fresh self-signed certificate and its key into one PEM file.

    :param names: host names and addresses it is for.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Paydesk echo receiver")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + LIFE)
        .add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as written:
        written.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        written.write(made.public_bytes(serialization.Encoding.PEM))
    return file


def _name(told: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(told))
    except ValueError:
        return x509.DNSName(told)
