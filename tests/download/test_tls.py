"""Files are fetched with the certificates that searches trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from certificates import expired, self_signed
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, QueryError, Segment, Series, conf
from sunpy_flarecast.archive import DemoArchive, running

if TYPE_CHECKING:
    from pathlib import Path


def test_files_and_keywords_are_fetched_with_the_certificates_of_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with running(DemoArchive(headers="bare"), ssl_cert=certificate, ssl_key=key) as url, conf.set_temp("url", url):
        table = FLARECASTClient().search(
            a.Time("2015-12-11", "2015-12-11T00:30"), Series("hmi.sharp_cea_720s"), Segment("Br")
        )[:1]
        path = tmp_path / "{file}"
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        report = sunpy_flarecast.fetch(table, path=path, passes=1, progress=False)
        [text] = [failure.reason for failure in report.failed]
        assert "the certificate of 127.0.0.1 was not accepted" in text
        assert "set the environment variable REQUESTS_CA_BUNDLE" in text
        assert "times" not in text  # a certificate does not become valid by retrying
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(QueryError, match=r"Cannot read the certificates in .*none\.pem \(No such file"):
            sunpy_flarecast.fetch(table, path=path, passes=1, progress=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(key))  # which has no certificate
        with pytest.raises(QueryError, match=r"Cannot read the certificates in .*key\.pem .*REQUESTS_CA_BUNDLE"):
            FLARECASTClient().search(a.Time("2015-12-11", "2015-12-12"), Series("hmi.sharp_cea_720s"))
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(QueryError, match="Correct the environment variable CURL_CA_BUNDLE"):
            sunpy_flarecast.fetch(table, path=path, passes=1, progress=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        [file] = sunpy_flarecast.fetch(table, path=path, passes=1, progress=False).fetched
        assert sunpy_flarecast.load([file])[0].meta["harpnum"] == table["HARPNUM"][0]


def test_an_expired_certificate_of_files_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(DemoArchive()) as url, conf.set_temp("url", url):
        table = FLARECASTClient().search(
            a.Time("2015-12-11", "2015-12-11T00:30"), Series("hmi.sharp_cea_720s"), Segment("Br")
        )[:1]
    certificate, key = expired(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with running(DemoArchive(), ssl_cert=certificate, ssl_key=key) as url:
        table.service = url
        report = sunpy_flarecast.fetch(table, path=tmp_path / "{file}", passes=1, progress=False)
    assert "certificate has expired). The operators of the service have to renew it." in report.failed[0].reason
