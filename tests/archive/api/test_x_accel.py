"""Files sent by a real nginx instead of the service, as in docs/howto/serving.md."""

from __future__ import annotations

import hashlib

import pytest
import requests
from nginx import block, free_port, nginx
from wire import get

from sunpy_flarecast.archive import DirectoryArchive, Settings, create_app, running
from sunpy_flarecast.sharp.filenames import file_name

TOKEN = {"Authorization": "Bearer token-behind-nginx"}
HASH = hashlib.sha256(b"token-behind-nginx").hexdigest()

SECRET = b"only for the owner of this machine"

FRONT = """
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {service}; proxy_set_header Host $http_host; }}
    {documented}
}}
"""


@pytest.fixture
def front(tmp_path, write):
    """Return the URL of a file behind nginx, and its path; the header X-Link turns the file into a link."""
    root = tmp_path / "root"
    path = write(root / "2015 12%" / file_name("hmi.sharp_720s", "magnetogram", harpnum=6178, slot=1005598))
    settings = Settings(x_accel="/flarecast-files", token_hashes=frozenset({HASH}))
    with DirectoryArchive(root) as archive:
        app = create_app(archive, settings)

        async def layer(scope, receive, send):
            async def sending(message):
                if message["type"] == "http.response.start" and (b"x-link", b"yes") in scope["headers"]:
                    (tmp_path / "secret").write_bytes(SECRET)
                    path.unlink()
                    path.symlink_to(tmp_path / "secret")
                await send(message)

            await app(scope, receive, sending)

        with running(layer) as service:
            port = free_port()
            documented = block("nginx", "internal;").replace("/srv/sharps", str(root))
            with nginx(tmp_path, FRONT.format(port=port, service=service, documented=documented)):
                url = f"http://127.0.0.1:{port}"
                listed = get(f"{url}/HMI/720?start=2015-12-01&end=2015-12-31", headers=TOKEN).json()["data"]
                yield listed[0]["urls"][0], path


def test_files_come_from_nginx(front):
    url, path = front
    content = path.read_bytes()
    whole = get(url, headers=TOKEN)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["server"].startswith("nginx")
    assert whole.headers["content-type"] == "application/fits"
    assert whole.headers["content-disposition"] == f"attachment; filename={path.name}"
    assert "x-accel-redirect" not in whole.headers
    head = requests.head(url, headers=TOKEN, timeout=20)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(content)), b"")
    for name in ("etag", "last-modified"):
        ranged = get(url, headers={**TOKEN, "Range": "bytes=2880-", "If-Range": whole.headers[name]})
        assert (ranged.status_code, ranged.content) == (206, content[2880:])
    for name, value in (
        ("If-None-Match", whole.headers["etag"]),
        ("If-Modified-Since", whole.headers["last-modified"]),
    ):
        assert get(url, headers={**TOKEN, name: value}).status_code == 304


def test_the_service_decides_what_nginx_sends(front):
    url, path = front
    assert get(url).status_code == 401
    assert get(url.replace("magnetogram", "bitmap"), headers=TOKEN).status_code == 404
    inside = f"/flarecast-files/2015%2012%25/{path.name}"
    assert get(url.partition("/HMI")[0] + inside, headers=TOKEN).status_code == 404
    path.unlink()
    reply = get(url, headers=TOKEN)
    assert (reply.status_code, list(reply.json())) == (404, ["message"])


def test_a_link_in_place_of_the_file_is_not_followed(front):
    """Also if it was created after the service checked the file."""
    url, _ = front
    for headers in ({**TOKEN, "X-Link": "yes"}, TOKEN):
        reply = get(url, headers=headers)
        assert (reply.status_code in (403, 404), SECRET in reply.content) == (True, False)
