"""Bearer tokens: the file of their hashes, and a service that requires one."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from html import unescape
from urllib.parse import quote, urljoin, urlsplit

import pytest
import requests

from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running
from sunpy_flarecast.archive.middleware.tokens import read_token_hashes

FIRST, SECOND = "first-of-two-tokens", "c2Vjb25kIG9mIHR3bw+/.~=="

HASHES = [hashlib.sha256(token.encode()).hexdigest() for token in (FIRST, SECOND)]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

LIST = "/HMI/hmi.sharp_720s?start=2015-12-11T00:00:00Z&end=2015-12-11T01:00:00Z"


@pytest.fixture(scope="module")
def service():
    with running(DemoArchive(), settings=Settings(token_hashes=frozenset(HASHES))) as url:
        yield url


class TestFile:
    def test_one_per_line(self, tmp_path):
        path = tmp_path / "tokens"
        path.write_text(f"# tokens\n{HASHES[0]}  -\n\n  {HASHES[1].upper()} group B # until May\r\n")
        assert read_token_hashes(path) == set(HASHES)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "has no SHA-256 digest"),
            (b"# none yet\n\n", "has no SHA-256 digest"),
            (FIRST.encode(), "Line 1 of .* is not a SHA-256 digest. Create one: printf"),
            (f"{HASHES[0]}\n{HASHES[1][:-1]}\n".encode(), "Line 2 of .* is not"),
            (b"\xff\xfe\x00\x01", "Line 1 of .* is not"),
        ],
    )
    def test_invalid_lines_are_rejected_and_not_quoted(self, tmp_path, content, message):
        path = tmp_path / "tokens"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            read_token_hashes(path)
        assert FIRST not in str(caught.value)

    @pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
    def test_a_file_that_all_users_may_write(self, tmp_path):
        path = tmp_path / "tokens"
        path.write_text(HASHES[0])
        path.chmod(0o666)
        with pytest.raises(ValueError, match=r"Every user of this machine may write to .* Run: chmod o-w"):
            read_token_hashes(path)
        path.chmod(0o664)
        assert read_token_hashes(path) == {HASHES[0]}

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_token_hashes(tmp_path / "tokens")


class TestService:
    @pytest.mark.parametrize("path", [LIST, "/HMI", "/HMI/720/1/Br.fits", "/HMI/720/meta/1", "/"])
    def test_the_archive_requires_a_token(self, service, path):
        reply = requests.get(f"{service}{path}", timeout=20)
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, 'Bearer realm="FLARECAST"')
        assert "requires a valid token. Send it in the header 'Authorization: Bearer TOKEN'" in reply.json()["message"]

    def test_without_pages_browsers_use_http_basic(self):
        """The token is the password; the user name is ignored."""
        with running(DemoArchive(), settings=Settings(token_hashes=frozenset(HASHES), pages=False)) as url:
            for auth, status in ((None, 401), (("anybody", SECOND), 200), ((SECOND, "x"), 401)):
                reply = requests.get(f"{url}/HMI", headers=BROWSER, auth=auth, timeout=20)
                assert reply.status_code == status
                assert status == 200 or reply.headers["www-authenticate"] == 'Basic realm="FLARECAST"'
            assert requests.get(f"{url}/login", timeout=20).status_code == 404

    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("/", "./login?next="),
            (f"{LIST}&meta=true", f"../login?next={quote(LIST.lstrip('/') + '&meta=true', safe='')}"),
            ("/HMI/720/meta/1%2C2", "../../../login?next=HMI%2F720%2Fmeta%2F1%252C2"),
        ],
    )
    def test_browsers_are_redirected_to_a_form(self, service, path, place):
        reply = requests.get(f"{service}{path}", headers=BROWSER, timeout=20, allow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (303, place)

    @pytest.mark.parametrize("token", [FIRST, SECOND])
    def test_a_form_keeps_the_token(self, service, token):
        with requests.Session() as session:
            session.headers.update(BROWSER)
            form = session.get(f"{service}{LIST}", timeout=20)
            assert (urlsplit(form.url).path, form.status_code) == ("/login", 200)
            wanted = re.search('name="next" value="(.*?)"', form.text)[1]
            wrong = session.post(form.url, data={"token": f"{token}x", "next": unescape(wanted)}, timeout=20)
            assert (wrong.status_code, "token is not valid" in wrong.text) == (401, True)
            assert "set-cookie" not in wrong.headers
            reply = session.post(f"{service}/login", data={"token": token, "next": unescape(wanted)}, timeout=20)
            assert (reply.url, reply.status_code) == (f"{service}{LIST}", 200)
            assert reply.json()["data"]
            cookie = reply.history[0].headers["set-cookie"].lower().split("; ")
            assert {"httponly", "samesite=strict"} <= set(cookie)
            assert not any(part.startswith(("path", "max-age", "expires")) for part in cookie)
            session.post(f"{service}/logout", timeout=20)
            assert urlsplit(session.get(f"{service}{LIST}", timeout=20).url).path == "/login"

    @pytest.mark.parametrize(
        "place", ["//evil.example", "https:evil.example", "../x", "%2e%2E/x", "a\\b", "a\r\nSet-Cookie: x=1", "é"]
    )
    def test_a_form_does_not_redirect_elsewhere(self, service, place):
        reply = requests.post(
            f"{service}/login", data={"token": FIRST, "next": place}, timeout=20, allow_redirects=False
        )
        assert (reply.status_code, urlsplit(urljoin(service, reply.headers["location"])).netloc) == (
            303,
            urlsplit(service).netloc,
        )
        assert reply.headers["location"] in ("./", "./https:evil.example")

    def test_a_cookie_works_beside_the_password_of_a_front_server(self, service):
        reply = requests.get(f"{service}{LIST}", auth=("group", "B"), cookies={"flarecast_token": FIRST}, timeout=20)
        assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
        file = requests.get(reply.json()["data"][0]["urls"][0], cookies={"flarecast_token": FIRST}, timeout=60)
        assert file.headers["cache-control"] == "private"  # keeps proxies from sending it to others

    def test_a_form_with_other_fields(self, service):
        fields = {f"field{number}": "x" for number in range(50)}
        assert requests.post(f"{service}/login", data=fields, timeout=20).status_code == 401

    def test_a_cookie_is_secure_over_tls(self):
        settings = Settings(token_hashes=frozenset(HASHES), public_url="https://sharps.example.org")
        with running(DemoArchive(), settings=settings) as url:
            reply = requests.post(f"{url}/login", data={"token": FIRST}, timeout=20, allow_redirects=False)
            assert "secure" in reply.headers["set-cookie"].lower().split("; ")

    @pytest.mark.parametrize("path", ["//ui/", "/ui/../HMI", "/ui/%2e%2e/HMI", "/health/../HMI", "/UI", "/metrics/"])
    def test_open_paths_do_not_give_access_to_others(self, service, path):
        host = urlsplit(service)
        with socket.create_connection((host.hostname, host.port)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            reply = b"".join(iter(lambda: client.recv(65536), b""))
        assert reply.split()[1] in (b"400", b"401", b"404")
        assert b"hmi.sharp" not in reply

    @pytest.mark.parametrize(
        "header",
        [f"Bearer {FIRST}x", "Bearer", "Bearer ", f"Basic {FIRST}", "Basic Og==", FIRST, f"Bearer {FIRST} {SECOND}",
         f"Bearer {HASHES[0]}", "Bearer \xff"],
    )  # fmt: skip
    def test_invalid_tokens(self, service, header):
        reply = requests.get(f"{service}{LIST}", headers={"Authorization": header.encode("latin-1")}, timeout=20)
        assert (reply.status_code, list(reply.json())) == (401, ["message"])
        assert FIRST not in reply.text

    @pytest.mark.parametrize("token", [FIRST, SECOND])
    def test_valid_tokens(self, service, token):
        headers = {"Authorization": f"Bearer {token}"}
        records = requests.get(f"{service}{LIST}", headers=headers, timeout=20).json()["data"]
        assert requests.get(records[0]["urls"][0], headers=headers, timeout=60).content.startswith(b"SIMPLE")

    def test_a_token_in_the_url_is_not_accepted(self, service):
        assert requests.get(f"{service}{LIST}&access_token={FIRST}", timeout=20).status_code == 401

    def test_head_has_no_body(self, service):
        reply = requests.head(f"{service}{LIST}", timeout=20)
        assert (reply.status_code, reply.content) == (401, b"")

    @pytest.mark.parametrize("path", ["/health", "/ui", "/openapi.json"])
    def test_routes_without_data_are_open(self, service, path):
        reply = requests.get(f"{service}{path}", timeout=20)
        assert reply.status_code == 200
        assert path == "/openapi.json" or "sharp" not in reply.text  # the document has examples


def test_the_openapi_document_describes_tokens():
    document = create_app(DemoArchive(), Settings(token_hashes=frozenset(HASHES))).openapi()
    security = document["paths"]["/HMI/{series}"]["get"]["security"]
    schemes = document["components"]["securitySchemes"]
    assert {schemes[name]["scheme"] for scheme in security for name in scheme} == {"bearer", "basic"}
    assert "security" not in create_app(DemoArchive()).openapi()["paths"]["/HMI/{series}"]["get"]
