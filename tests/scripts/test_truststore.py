"""A certificate that the machine trusts and Java does not is added to what the jars are fetched with."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from scripts.services.java import require_java
from scripts.services.truststore import machine_certificates, trust_options

pytestmark = pytest.mark.jvm


@pytest.fixture
def java() -> Path:
    # The real one of the machine, whose keytool lies beside it.
    return require_java().executable.resolve()


@pytest.fixture
def own_certificate(java: Path, tmp_path: Path) -> Path:
    """A new self-signed certificate, as of a network's own authority."""
    store, pem = tmp_path / "store", tmp_path / "own.pem"
    keytool = str(java.with_name("keytool"))
    common = ["-keystore", str(store), "-storepass", "changeit", "-alias", "own"]
    subprocess.run([keytool, "-genkeypair", "-keyalg", "EC", "-dname", "CN=own authority", *common], check=True)
    subprocess.run([keytool, "-exportcert", "-rfc", "-file", str(pem), *common], check=True)
    return pem


def test_what_only_the_machine_trusts_is_added(
    java: Path, own_certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    (certificate,) = machine_certificates()
    assert certificate == ssl.PEM_cert_to_DER_cert(own_certificate.read_text(encoding="ascii"))
    folder = tmp_path / "jars"
    folder.mkdir()
    options = trust_options(java, folder)
    assert options[0] == f"-Djavax.net.ssl.trustStore={folder / 'truststore'}"
    command = [
        str(java.with_name("keytool")),
        "-list",
        "-keystore",
        str(folder / "truststore"),
        "-storepass",
        "changeit",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listed.count("trustedCertEntry") > 50, "Java's own list is still there"
    assert "machine0" in listed


def test_without_a_bundle_java_keeps_its_own_list(java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert trust_options(java, tmp_path) == []
