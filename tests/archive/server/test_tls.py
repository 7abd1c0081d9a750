"""Services over https, invalid certificates, and warnings of services that others on the network can read."""

from __future__ import annotations

import warnings
from functools import partial

import pytest
import requests
from certificates import openssl, self_signed

from sunpy_flarecast.archive import DemoArchive, Settings, running, serve

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T00:30:00Z"}

HASHES = frozenset({"0" * 64})


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_lists_and_files(pair):
    certificate, key = pair
    with running(DemoArchive(), ssl_cert=certificate, ssl_key=key) as url:
        assert url.startswith("https://127.0.0.1:")
        get = partial(requests.get, verify=str(certificate), timeout=60)
        rows = get(f"{url}/HMI/720", params=RANGE).json()["data"]
        assert all(file.startswith(url) for row in rows for file in row["urls"])
        file = get(rows[0]["urls"][0])
        assert len(file.content) == int(file.headers["content-length"])
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=20)
        with pytest.raises(requests.ConnectionError):
            requests.get(url.replace("https:", "http:"), timeout=20)


def test_key_and_certificate_in_one_file(pair, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in pair))
    with running(DemoArchive(), ssl_cert=both) as url:
        assert requests.get(f"{url}/ui", verify=str(pair[0]), timeout=20).status_code == 200


class TestInvalid:
    def refused(self, message, **files):
        with pytest.raises(ValueError, match=message):
            serve(DemoArchive(), port=0, **files)

    def test_a_key_alone(self, pair):
        self.refused("requires its certificate", ssl_key=pair[1])

    def test_files(self, pair, tmp_path):
        path = tmp_path / "text.pem"
        message = "^The certificate and its key cannot be read from {}: No such file or directory$"
        with pytest.raises(OSError, match=message.format(path)):
            serve(DemoArchive(), port=0, ssl_cert=path)
        with pytest.raises(OSError, match=message.format(f"{pair[0]} and {path}")):
            serve(DemoArchive(), port=0, ssl_cert=pair[0], ssl_key=path)
        path.write_text("not a certificate")
        self.refused(rf"^Cannot load a certificate and unencrypted key \(PEM\) from {path}: ", ssl_cert=path)
        both = f"{pair[0]} and {path}"
        self.refused(rf"^Cannot load a certificate and .* from {both}: ", ssl_cert=pair[0], ssl_key=path)

    def test_the_key_of_another_certificate(self, pair, tmp_path):
        self.refused("KEY_VALUES_MISMATCH", ssl_cert=pair[0], ssl_key=self_signed(tmp_path)[1])

    def test_a_key_with_a_passphrase(self, pair, tmp_path):
        locked = tmp_path / "locked.pem"
        openssl("pkey", "-in", pair[1], "-aes256", "-passout", "pass:word", "-out", locked)
        self.refused("unencrypted key", ssl_cert=pair[0], ssl_key=locked)


@pytest.mark.parametrize(
    ("settings", "tls", "warning"),
    [
        (Settings(), False, "others on the network can read the archive"),
        (Settings(), True, "others on the network can read the archive"),
        (Settings(token_hashes=HASHES), False, "others on the network can read the tokens"),
        (Settings(token_hashes=HASHES), True, None),
        (Settings(token_hashes=HASHES, public_url="https://sharps.example"), False, None),
    ],
)
def test_warnings_of_exposed_services(pair, settings, tls, warning):
    options = {"ssl_cert": pair[0], "ssl_key": pair[1]} if tls else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with running(DemoArchive(), host="0.0.0.0", settings=settings, **options):
            pass
    assert [warning in str(entry.message) for entry in caught] == ([] if warning is None else [True])
