"""Settings: precedence of session, environment, file and default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from astropy.config import set_temp_config
from click.testing import CliRunner

from sunpy_flarecast import conf
from sunpy_flarecast.cli import cli
from sunpy_flarecast.config import URL_VARIABLE, Conf

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = "http://cluster-r730-1:8001"


@pytest.fixture(autouse=True)
def _restore_settings() -> None:
    yield
    conf.reset()


def test_defaults() -> None:
    assert conf.url == DEFAULT
    assert conf.window == 1.0
    assert conf.rebase_urls is True
    assert 0 < conf.connect_timeout < conf.read_timeout


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://localhost:8001")
    assert conf.url == "http://localhost:8001"
    monkeypatch.setenv(URL_VARIABLE, "http://localhost:9")
    assert conf.url == "http://localhost:9"
    monkeypatch.setenv(URL_VARIABLE, "")
    assert conf.url == DEFAULT
    monkeypatch.delenv(URL_VARIABLE)
    assert conf.url == DEFAULT


def test_the_session_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://environment")
    conf.url = "http://session"
    assert conf.url == "http://session"
    conf.reset("url")
    assert conf.url == "http://environment"


@pytest.mark.parametrize("value", ["http://block", DEFAULT])
def test_a_block_wins_over_all_and_is_undone(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://environment")
    with conf.set_temp("url", value):
        assert conf.url == value
        with conf.set_temp("url", "http://inner"):
            assert conf.url == "http://inner"
        assert conf.url == value
    assert conf.url == "http://environment"
    conf.url = "http://session"
    with conf.set_temp("url", value):
        assert conf.url == value
    assert conf.url == "http://session"


def test_a_block_is_undone_by_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), conf.set_temp("url", "http://block"):
        _ = 1 / 0
    assert conf.url == DEFAULT


def test_reloading_discards_the_settings_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    conf.url = "http://session"
    conf.reload("url")
    assert conf.url == DEFAULT
    monkeypatch.setenv(URL_VARIABLE, "http://environment")
    assert conf.url == "http://environment"


@pytest.mark.parametrize(
    ("name", "value"),
    [("window", "a day"), ("connect_timeout", [1, 2]), ("rebase_urls", "perhaps"), ("url", 5)],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    before = getattr(conf, name)
    with pytest.raises(TypeError, match=name):
        setattr(conf, name, value)
    with pytest.raises(TypeError, match=name), conf.set_temp(name, value):
        pass
    assert getattr(conf, name) == before


def test_repr_shows_names_and_values_but_no_secrets() -> None:
    conf.url, conf.token, conf.window = "https://me:s3cr3t@archive.example/flarecast", "s3cr3t", 0.5
    lines = repr(conf).splitlines()
    assert lines[:4] == [
        "sunpy_flarecast.conf:",
        "  url = 'https://archive.example/flarecast'",
        "  token = (set)",
        "  window = 0.5",
    ]
    assert len(lines) == 1 + len(list(conf))
    for text in (repr(Conf.url), str(Conf.url), str(conf)):
        assert "https://archive.example/flarecast" in text
        assert "s3cr3t" not in text


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(AttributeError, match=r"No configuration parameter 'urll'\. Did you mean 'url'\?"):
        conf.urll = "http://session"
    with pytest.raises(AttributeError, match=r"No configuration parameter 'x'\. Valid: url, token, window, "):
        conf.x = 1
    with pytest.raises(AttributeError, match="No configuration parameter 'urll'"):
        conf.set_temp("urll", "http://session")
    assert conf.url == DEFAULT


def test_an_invalid_setting_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "astropy" / "sunpy_flarecast.cfg"
    file.parent.mkdir()
    file.write_text("window = abc\n", encoding="utf-8")
    with set_temp_config(tmp_path):
        message = f'The setting window in {file} is invalid: the value "abc" is of the wrong type. Correct it.'
        with pytest.raises(TypeError, match=re.escape(message)):
            _ = conf.window
        shown = CliRunner().invoke(cli, ["search", "2015-12-11", "2015-12-12"])
        assert (shown.exit_code, shown.stderr) == (2, f"Error: {message}\n")


@pytest.mark.parametrize(("name", "value"), [("token", "s3,cr3t"), ("url", "https://me:s3,cr3t@archive.example")])
def test_a_secret_of_the_file_with_a_comma_is_not_repeated(tmp_path: Path, name: str, value: str) -> None:
    file = tmp_path / "astropy" / "sunpy_flarecast.cfg"
    file.parent.mkdir()
    with set_temp_config(tmp_path):
        file.write_text(f"{name} = {value}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=rf"The setting {name} in .* a comma must be quoted") as caught:
            getattr(conf, name)
        assert "s3" not in str(caught.value)
    with set_temp_config(tmp_path):
        file.write_text(f'{name} = "{value}"\n', encoding="utf-8")
        conf.reload()
        assert getattr(conf, name) == value


def test_every_setting_has_a_description_and_the_same_section() -> None:
    items = list(Conf().items())
    assert {name for name, _ in items} == {
        "url",
        "token",
        "window",
        "parallel_requests",
        "connect_timeout",
        "read_timeout",
        "max_retries",
        "retry_wait",
        "retry_after_max",
        "cache",
        "cache_hours",
        "cache_size",
        "reply_size",
        "file_size",
        "reply_timeout",
        "verify_checksum",
        "complete_headers",
        "rebase_urls",
    }
    for _, item in items:
        assert item.description.endswith(".")
        assert item.module == "sunpy_flarecast"
