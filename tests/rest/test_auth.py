"""Tokens in the client: which services get them, where they never appear, and messages after refused requests."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from astropy.config import set_temp_config
from click.testing import CliRunner
from faults import Layer, answer
from starlette.applications import Starlette
from starlette.routing import Mount
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import (
    FLARECASTClient,
    FLARECASTError,
    MissingDataWarning,
    QueryError,
    Segment,
    Series,
    ServiceError,
    conf,
    fetch,
)
from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.config import TOKEN_VARIABLE, URL_VARIABLE, Conf
from sunpy_flarecast.rest.auth import authorization, what_to_do
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.service_url import is_within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "s3cr3t-for-the-tests+/._~=="

BEARER = f"Bearer {TOKEN}"

QUERY = (a.Time("2015-12-11T00:00", "2015-12-11T00:30"), Series("hmi.sharp_720s"), Segment("bitmap"))


@pytest.fixture(scope="module")
def _guarded_service() -> Iterator[tuple[str, Layer]]:
    layer = Layer(
        create_app(
            DemoArchive(headers="bare"), Settings(token_hashes=frozenset({hashlib.sha256(TOKEN.encode()).hexdigest()}))
        )
    )
    with running(layer) as url:
        yield url, layer


@pytest.fixture
def guarded(_guarded_service: tuple[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """Serve synthetic SHARPs without keywords to clients with the token; only ``conf.url`` is set."""
    url, layer = _guarded_service
    layer.clear()
    with conf.set_temp("url", url):
        yield url, layer
    layer.clear()


def redirect(to: str) -> object:
    async def fault(scope: dict[str, object], send: object) -> None:
        location = f"{to}{scope['path']}?{scope['query_string'].decode()}".encode()
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", location)]})
        await send({"type": "http.response.body", "body": b""})

    return fault


class TestWithToken:
    def test_search_keywords_and_files(
        self, guarded: tuple[str, Layer], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, layer = guarded
        with conf.set_temp("token", TOKEN), caplog.at_level("DEBUG"):
            results = Fido.search(*QUERY)
            table = results["flarecast"]
            table[:1].keywords("usflux")
            files = Fido.fetch(results[0, :2], path=tmp_path, progress=False)
            report = fetch(table[:3], path=tmp_path, progress=False)
        assert len(files) == 2
        assert not files.errors
        assert report.complete
        asked = [path for _, path in layer.requests]
        assert all(any(part in path for path in asked) for part in ("?start=", "/meta/", ".fits"))
        assert {headers.get("authorization") for headers in layer.headers} == {BEARER}
        table.write(tmp_path / "table.ecsv")
        report.write(tmp_path / "report.json")
        written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        texts = [
            caplog.text,
            repr(results),
            repr(table.meta),
            repr(table.client),
            repr(files),
            str(report),
            repr(report),
        ]
        assert not any("s3cr3t" in text for text in texts)
        assert not any(b"s3cr3t" in content for content in written)

    def test_the_environment_sets_the_token(self, guarded: tuple[str, Layer], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(TOKEN_VARIABLE, f" {TOKEN}\n")
        monkeypatch.setenv(URL_VARIABLE, guarded[0])
        assert len(FLARECASTClient().search(*QUERY))

    def test_the_token_takes_precedence_over_user_and_password(self, guarded: tuple[str, Layer]) -> None:
        url, layer = guarded
        with conf.set_temp("url", url.replace("://", "://me:word@")), conf.set_temp("token", TOKEN):
            assert len(FLARECASTClient().search(*QUERY))
        assert {headers["authorization"] for headers in layer.headers} == {BEARER}


class TestWithoutToken:
    def test_a_search_advises_about_tokens(self, guarded: tuple[str, Layer]) -> None:
        with Service() as service, pytest.raises(ServiceError, match=r"401 Unauthorized.*Set conf.token") as caught:
            service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
        assert str(caught.value).count(TOKEN_VARIABLE) == 1

    def test_a_fetch_advises_about_tokens(self, guarded: tuple[str, Layer], tmp_path: Path) -> None:
        with conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)[:1]
        files = Fido.fetch(table, path=tmp_path, progress=False)
        [error] = files.errors
        assert "401 Unauthorized" in str(error.exception)
        assert str(error.exception).count("set conf.token, or the environment variable FLARECAST_TOKEN") == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_token_that_is_not_accepted(self, guarded: tuple[str, Layer], status: int) -> None:
        guarded[1].faults["/HMI/"] = answer(b'{"message": "no"}', status=status)
        with (
            conf.set_temp("token", "another-for-the-tests"),
            Service() as service,
            pytest.raises(
                ServiceError, match=f"{status} .*The credentials in conf.token or conf.url do not give access"
            ) as e,
        ):
            service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
        assert "another-for" not in str(e.value)


class TestOtherServices:
    def test_redirects_to_another_host_do_not_send_the_token(
        self, demo: tuple[str, Layer], guarded: tuple[str, Layer], tmp_path: Path
    ) -> None:
        other, others = demo
        url, layer = guarded
        with conf.set_temp("url", url), conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)[:1]
            layer.clear()
            layer.faults["/HMI/"] = redirect(other)
            assert len(FLARECASTClient().search(*QUERY))
            assert not Fido.fetch(table, path=tmp_path, progress=False).errors
        assert {headers["authorization"] for headers in layer.headers} == {BEARER}
        assert len(others.headers) > 1
        assert not any("authorization" in headers for headers in others.headers)

    def test_redirects_to_another_service_on_the_host_do_not_send_the_token(self, guarded: tuple[str, Layer]) -> None:
        url, layer = guarded
        for place in ("~mallory", "flarecast-of-mallory", "flarecast/../~mallory"):
            layer.clear()
            layer.faults["/flarecast/HMI/"] = answer(b"", status=307, headers={"location": f"/{place}/HMI/x"})
            layer.faults["mallory/HMI/"] = answer(b"[]")
            with conf.set_temp("url", f"{url}/flarecast"), conf.set_temp("token", TOKEN), Service() as service:
                service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
            assert [headers.get("authorization") for headers in layer.headers] == [BEARER, None]

    def test_redirects_of_files_do_not_send_the_token(self, tmp_path: Path) -> None:
        layer = Layer(Starlette(routes=[Mount("/flarecast", create_app(DemoArchive()))]))
        with running(layer) as url, conf.set_temp("url", f"{url}/flarecast"), conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)[:1]
            for place in ("/~mallory/x", "/flarecast/../~mallory/x", "http://[::1"):
                layer.clear()
                layer.faults["/flarecast/HMI/"] = answer(b"", status=302, headers={"location": place})
                layer.faults["mallory/"] = answer(b"no FITS file")
                assert Fido.fetch(table, path=tmp_path, progress=False).errors
                assert layer.headers[0]["authorization"] == BEARER
                asked = zip(layer.requests, layer.headers, strict=True)
                assert not any("authorization" in headers for (_, path), headers in asked if "mallory" in path)

    def test_redirects_within_the_service_send_the_token(self, guarded: tuple[str, Layer]) -> None:
        url, layer = guarded
        layer.faults["/flarecast/HMI/hmi."] = answer(b"", status=307, headers={"location": "/flarecast/HMI/moved"})
        layer.faults["/flarecast/HMI/moved"] = answer(b"[]")
        with conf.set_temp("url", f"{url}/flarecast"), conf.set_temp("token", TOKEN), Service() as service:
            service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
        assert [headers.get("authorization") for headers in layer.headers] == [BEARER, BEARER]

    def test_another_service_does_not_get_the_token(
        self, demo: tuple[str, Layer], guarded: tuple[str, Layer], tmp_path: Path
    ) -> None:
        """A table is fetched from its own service, whatever ``conf.url`` and ``conf.token`` are later."""
        other, others = demo
        with conf.set_temp("url", other):
            table = FLARECASTClient().search(*QUERY)[:1]
        with conf.set_temp("url", guarded[0]), conf.set_temp("token", TOKEN):
            table.keywords("usflux")
            assert not Fido.fetch(table, path=tmp_path, progress=False).errors
            with Service(other) as service:
                service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
        assert not any("authorization" in headers for headers in others.headers)

    @pytest.mark.parametrize("token", ["", TOKEN])
    def test_passwords_of_netrc_are_not_sent(
        self, guarded: tuple[str, Layer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str
    ) -> None:
        """Credentials are not for other services on the same host; files are fetched without them."""
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        url, layer = guarded
        layer.faults["start="] = answer(b"", status=302, headers={"location": f"{url}/HMI/moved"})
        layer.faults["moved"] = answer(b"[]")
        with conf.set_temp("token", token), Service() as service:
            service.records("hmi.sharp_720s", "2015-12-11T00:00:00Z", "2015-12-11T00:30:00Z")
        assert [headers.get("authorization") for headers in layer.headers] == [BEARER if token else None] * 2

    @pytest.mark.parametrize("series", ["../../~mallory", "..%2f..%2f~mallory", "..", "..;/~mallory"])
    def test_a_series_with_parent_folders_does_not_send_the_token_elsewhere(
        self, guarded: tuple[str, Layer], tmp_path: Path, series: str
    ) -> None:
        """A table in a file may have been tampered with."""
        url, layer = guarded
        with conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)[:1]
            table["Series"] = [series]
            layer.clear()
            with conf.set_temp("url", f"{url}/flarecast"):
                table.service = conf.url
                with pytest.raises(ServiceError):
                    table.keywords("usflux")
                assert not fetch(table, path=tmp_path, progress=False).complete
        asked = zip(layer.requests, layer.headers, strict=True)
        assert not any("authorization" in headers for (_, path), headers in asked if "mallory" in path or ".." in path)

    @pytest.mark.parametrize("between", ["\\ @", "\\\x1f@", "\\@", "\t@", "#@", "%40"])
    def test_urls_that_libraries_parse_differently(
        self, demo: tuple[str, Layer], guarded: tuple[str, Layer], tmp_path: Path, between: str
    ) -> None:
        """Python finds the configured host after the ``@``, and requests another one before the backslash."""
        with conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)[:1]
            address = f"{demo[0]}{between}{guarded[0].removeprefix('http://')}"
            try:
                table.service = address
            except QueryError:
                table.meta["__attributes__"]["service"] = address  # as in a table that was tampered with
            for work in (lambda: table.keywords("usflux"), lambda: fetch(table, path=tmp_path, progress=False)):
                with suppress(FLARECASTError), warnings.catch_warnings():
                    warnings.simplefilter("ignore", MissingDataWarning)
                    work()
        assert not any("authorization" in headers for headers in demo[1].headers)

    def test_a_token_of_the_environment_is_for_the_url_of_the_environment(
        self, guarded: tuple[str, Layer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Services set by ``--url`` or ``--from`` do not get the token."""
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        monkeypatch.setenv(URL_VARIABLE, "http://me:word@own.example")
        assert (authorization("http://own.example"), authorization(guarded[0])) == (BEARER, None)
        with pytest.raises(ServiceError, match=r"FLARECAST_TOKEN is for http://own.example \(FLARECAST_URL\) and"):
            FLARECASTClient().search(*QUERY)
        assert not any("authorization" in headers for headers in guarded[1].headers)
        with conf.set_temp("token", "of-this-session"):
            assert authorization(guarded[0]) == "Bearer of-this-session"

    def test_a_token_of_the_environment_alone_is_for_the_default_url(
        self, guarded: tuple[str, Layer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        url, layer = guarded
        days = ("2015-12-11", "2015-12-11T00:30")
        for command in (
            ("--url", url, "search", *days),
            ("search", *days, "--url", url),
            ("mirror", *days, str(tmp_path), "--series", "hmi.sharp_720s", "--from", url),
        ):
            shown = CliRunner().invoke(cli, command)
            assert (shown.exit_code, shown.stdout) == (1, "")
            source = f"FLARECAST_TOKEN is for {Conf.url.defaultvalue} (the default of conf.url) and was not sent"
            advice = "set FLARECAST_URL to the URL of the service that FLARECAST_TOKEN is for"
            assert f"{source}; {advice}." in " ".join(shown.stderr.split())
            assert "s3cr3t" not in shown.stderr
        assert layer.headers
        assert not any("authorization" in headers for headers in layer.headers)
        assert authorization(Conf.url.defaultvalue) == BEARER

    @pytest.mark.parametrize("environment", ["", "http://environment.example"])
    def test_a_token_of_the_file_is_for_the_url_of_the_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: str
    ) -> None:
        monkeypatch.setenv(URL_VARIABLE, environment)
        (tmp_path / "astropy").mkdir()
        text = f"url = http://own.example\ntoken = {TOKEN}\n"
        (tmp_path / "astropy" / "sunpy_flarecast.cfg").write_text(text, encoding="utf-8")
        with set_temp_config(tmp_path):
            assert authorization("http://own.example") == BEARER
            with conf.set_temp("url", "http://other.example"):
                assert authorization("http://other.example") is None
                assert authorization("http://own.example") == BEARER
                said = what_to_do(sent=False)
                assert "the token in sunpy_flarecast.cfg is for http://own.example (url in sunpy_flarecast.cfg)" in said
                monkeypatch.setenv(TOKEN_VARIABLE, "of-the-environment")
                where = f"{environment} (FLARECAST_URL)" if environment else "http://own.example (url in "
                assert f"FLARECAST_TOKEN is for {where}" in what_to_do(sent=False)
                monkeypatch.delenv(TOKEN_VARIABLE)
            if environment:
                assert authorization(environment) is None

    @pytest.mark.parametrize(
        ("url", "sent"),
        [
            ("https://host/flarecast", True),
            ("https://HOST:443/flarecast/HMI/", True),
            ("http://host/flarecast", False),
            ("https://host:444/flarecast", False),
            ("https://host/other", False),
            ("https://host.example/flarecast", False),
            ("no URL", False),
        ],
    )
    def test_the_token_is_sent_below_the_url_of_the_service_only(self, url: str, sent: bool) -> None:
        with conf.set_temp("url", "https://host/flarecast"), conf.set_temp("token", TOKEN):
            assert authorization(url) == (BEARER if sent else None)


@pytest.mark.parametrize(
    ("url", "within"),
    [
        ("http://host/flarecast/HMI/x", True),
        ("http://host:80/flarecast", True),
        ("http://me:word@host/flare%63ast/HMI", True),
        ("http://host/flarecast-2/HMI", False),
        ("http://host/flarecast/%2e%2e/other", False),
        ("http://host/flarecast/%252e%252e/other", False),
        ("http://host/flarecast/..%2f..%2fother", False),
        ("http://host/flarecast/..;x/other", False),
        ("http://host/flarecast/..%5cother", False),
        ("http://host//flarecast/HMI", False),
        ("http://host@other/flarecast/HMI", False),
        ("http://other\\@host/flarecast/HMI", False),
        ("http://other\\ @host/flarecast/HMI", False),
        ("http://host./flarecast/HMI", False),
        ("HTTP://HOST/flarecast/HMI", True),
        ("//host/flarecast/HMI", False),
        ("http://host\t/flarecast/HMI", False),
        ("https://host/flarecast/HMI", False),
        ("http://host:99999/flarecast/HMI", False),
        ("http://[::1/flarecast", False),
    ],
)
def test_urls_below_a_base_url(url: str, within: bool) -> None:
    assert is_within(url, "http://host/flarecast") is within
    assert is_within("http://host/HMI/x", "http://host")


class TestSettings:
    @pytest.mark.parametrize("token", ["two words", "line\nfeed-s3cr3t", "s3cr3t\r\nX-Evil: 1", "s3crét", "s3cr3t,"])
    def test_invalid_tokens_are_refused_and_not_repeated(self, guarded: tuple[str, Layer], token: str) -> None:
        with conf.set_temp("token", token), pytest.raises(QueryError, match=r"conf.token is invalid") as caught:
            FLARECASTClient().search(*QUERY)
        assert token not in str(caught.value)
        assert "s3cr" not in str(caught.value)
        assert not guarded[1].requests

    def test_the_token_is_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        item = dict(Conf().items())["token"]
        for shown in (repr(item), str(item), str(conf), repr(conf)):
            assert "s3cr3t" not in shown
        assert repr(item).endswith("name='token' value=(set)>")

    def test_tokens_must_be_text_and_are_not_repeated(self) -> None:
        with pytest.raises(TypeError, match=r"conf.token must be a string, not bytes") as caught:
            conf.token = b"s3cr3t"
        assert "s3cr3t" not in str(caught.value)

    def test_the_token_is_not_pickled(self, guarded: tuple[str, Layer]) -> None:
        with conf.set_temp("token", TOKEN):
            table = FLARECASTClient().search(*QUERY)
            assert b"s3cr3t" not in pickle.dumps(table)
