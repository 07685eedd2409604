"""Let Java trust what the machine trusts. Behind a proxy that signs every site, Java's own list is not enough.

Standard library only: setup runs this before any package is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PASSWORD = "changeit"  # of every Java's own list; it protects nothing, the content is public


def machine_certificates() -> set[bytes]:
    """The certificates (DER) of the bundle that OpenSSL and pip use here; empty if there is none."""
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    try:
        text = Path(bundle or "").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return set(_certificates(text))


def _certificates(text: str) -> Iterator[bytes]:
    for found in _PEM.finditer(text):
        try:
            yield ssl.PEM_cert_to_DER_cert(found[0])
        except ValueError:
            continue


def trust_options(java: Path, folder: Path) -> list[str]:
    """JVM options that make `java` trust its own list and the machine's. The combined list is written to `folder`.

    Empty if Java already trusts all of the machine's certificates, or if its tools do not work. In that case the
    download reports the problem.
    """
    machine = machine_certificates()
    keytool, own = java.with_name("keytool"), java.parent.parent / "lib" / "security" / "cacerts"
    if not machine or not own.is_file() or not keytool.is_file():
        return []
    listed = _run([str(keytool), "-list", "-rfc", "-keystore", str(own), "-storepass", _PASSWORD])
    missing = machine - set(_certificates(listed or ""))
    if listed is None or not missing:
        return []
    store = folder / "truststore"
    shutil.copyfile(own, store)
    for number, certificate in enumerate(sorted(missing)):
        pem = folder / "certificate.pem"
        pem.write_text(ssl.DER_cert_to_PEM_cert(certificate), encoding="ascii")
        command = [str(keytool), "-importcert", "-noprompt", "-alias", f"machine{number}", "-file", str(pem)]
        _run([*command, "-keystore", str(store), "-storepass", _PASSWORD])
    return [f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}"]


def _run(command: list[str]) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
