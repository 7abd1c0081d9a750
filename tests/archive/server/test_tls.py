"""A service that speaks https, and certificates that are none."""

from __future__ import annotations

import warnings
from functools import partial

import pytest
import requests
from certificates import openssl, self_signed

from sunpy_flarecast.archive import DemoArchive, Settings, running, serve
from sunpy_flarecast.archive.server.socket import exposure, listen

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-11T00:30:00Z"}

TOKENS = Settings(tokens=frozenset({"token-of-the-tests"}))


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


class TestWhatIsNone:
    def refused(self, message, kind=ValueError, **files):
        with pytest.raises(kind, match=message):
            serve(DemoArchive(), port=0, **files)

    def test_a_key_alone(self, pair):
        self.refused("without its certificate", ssl_key=pair[1])

    def test_files_that_are_not_there(self, pair, tmp_path):
        self.refused(r"\(--ssl-cert\) cannot be read: No such file", OSError, ssl_cert=tmp_path / "none.pem")
        self.refused(r"\(--ssl-key\) cannot be read: No", OSError, ssl_cert=pair[0], ssl_key=tmp_path / "none.pem")

    def test_other_files(self, pair, tmp_path):
        path = tmp_path / "text.pem"
        path.write_text("nothing of the kind")
        self.refused(r"text.pem \(--ssl-cert\) has no certificate in PEM", ssl_cert=path)
        self.refused(r"text.pem \(--ssl-cert\) has no certificate in PEM", ssl_cert=path, ssl_key=pair[1])
        self.refused(r"text.pem \(--ssl-key\) has no key in PEM", ssl_cert=pair[0], ssl_key=path)
        self.refused(r"\(--ssl-cert\) has no key; name it with --ssl-key", ssl_cert=pair[0])
        path.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
        self.refused(r"The certificate in .*text.pem \(--ssl-cert\) is broken", ssl_cert=path, ssl_key=pair[1])

    def test_the_key_of_another(self, pair, tmp_path):
        self.refused("KEY_VALUES_MISMATCH", ssl_cert=pair[0], ssl_key=self_signed(tmp_path)[1])

    def test_a_key_with_a_passphrase_is_not_asked_for(self, pair, tmp_path):
        locked = tmp_path / "locked.pem"
        openssl("pkey", "-in", pair[1], "-aes256", "-passout", "pass:word", "-out", locked)
        self.refused(r"has a passphrase.*openssl pkey -in", ssl_cert=pair[0], ssl_key=locked)


class TestExposure:
    @pytest.mark.parametrize(
        ("settings", "tls", "warning"),
        [
            (Settings(), False, "everybody who reaches this machine can read the archive"),
            (Settings(), True, "everybody who reaches this machine can read the archive"),
            (TOKENS, False, "tokens can be read by others on the network"),
            (TOKENS, True, None),
            (Settings(tokens=TOKENS.tokens, public_url="https://sharps.example"), False, None),
        ],
    )
    def test_on_all_addresses(self, settings, tls, warning):
        with listen("0.0.0.0", 0) as listener:
            told = exposure(listener, settings, tls=tls)
        assert told is None if warning is None else warning in told

    def test_on_this_machine_alone(self):
        with listen("127.0.0.1", 0) as listener:
            assert exposure(listener, Settings(), tls=False) is None

    def test_it_is_told(self):
        with pytest.warns(UserWarning, match="listens at 0.0.0.0"), running(DemoArchive(), host="0.0.0.0"):
            pass
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with running(DemoArchive()):
                pass
