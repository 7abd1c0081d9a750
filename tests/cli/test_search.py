"""Commands: output, files and exit statuses."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
import requests
from astropy.io import fits
from click.testing import CliRunner
from faults import Layer, answer
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, MissingDataWarning, Series, conf
from sunpy_flarecast.cli import cli
from sunpy_flarecast.cli.console import out
from sunpy_flarecast.cli.serve import _opened
from sunpy_flarecast.utils.optional_deps import install_command

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DAY = ("2015-12-11", "2015-12-11T00:30")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def commands(command: click.Command = cli, names: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [names]
    return [names, *(path for name, one in command.commands.items() for path in commands(one, (*names, name)))]


def test_help_names_every_command() -> None:
    shown = run("--help").stdout
    assert all(names[0] in shown for names in commands() if names)


@pytest.mark.parametrize("names", commands(), ids="-".join)
def test_values_of_options_are_named_without_brackets(names: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in names:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    # The page of a command shows them in angle brackets, and removes other brackets at their ends.
    metavars = [one.metavar for one in command.params if isinstance(one, click.Option) and one.metavar]
    assert [text for text in metavars if text != text.strip("<[{($>]})")] == []


@pytest.mark.parametrize("names", commands(), ids="-".join)
def test_help_fits_a_terminal_and_its_examples_are_valid(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(*names, "--help").stdout
    assert max(map(len, shown.splitlines())) <= 80
    (tmp_path / "sharps").mkdir()
    monkeypatch.chdir(tmp_path)
    examples = [
        shlex.split(line)[1:]
        for line in shown.partition("Examples:")[2].replace("\\\n", "").splitlines()
        if line.strip()
    ]
    assert examples
    for arguments in examples:
        assert tuple(arguments[: len(names)]) == names
        command: click.Command = cli
        while isinstance(command, click.Group):
            command = command.commands[arguments.pop(0)]
        if arguments != ["--help"]:
            command.make_context("sunpy-flarecast", arguments).close()


def test_search_prints_a_table(demo: tuple[str, Layer]) -> None:
    with conf.set_temp("url", "http://127.0.0.1:9"):  # the option wins, before and after the command
        shown = run("--url", demo[0], "search", *DAY, "--segment", "bitmap", "--segment", "B*")
        assert run("search", *DAY, "--segment", "bitmap", "--url", demo[0]).stdout == shown.stdout
    assert shown.exit_code == 0, shown.stderr
    assert "T_REC (TAI)" in shown.stdout
    assert "2015-12-11 00:12:00" in shown.stdout
    assert "records" in shown.stdout
    assert shown.stderr == ""


def test_replies_cannot_control_the_terminal(demo: tuple[str, Layer], capsys: pytest.CaptureFixture[str]) -> None:
    record = b'{"recnum": 7, "date__obs": "2015-12-11T00:10:00Z", "t_rec_index": 1005481, "urls": [], '
    demo[1].faults["/HMI/"] = answer(b"[" + record + b'"series_name": "\\u001b[2J\\u009bhmi.sharp_720s [red]\\u202e"}]')
    shown = run("search", *DAY)
    assert "hmi.sharp_720s [red]" in shown.stdout
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown.output)
    with pytest.warns(MissingDataWarning, match="without any file"):
        table = FLARECASTClient().search(a.Time(*DAY), Series("hmi.sharp_720s"))
    assert str(table).replace("\n", "").isprintable()
    out.print("\u202e\u2066\x9b")
    assert capsys.readouterr().out == "\ufffd" * 3 + "\n"


def test_a_pipe_gets_all_records(demo: tuple[str, Layer]) -> None:
    lines = run("search", "2015-12-11", "2015-12-11T06:00", "--segment", "bitmap").stdout.splitlines()
    rows = [line for line in lines if line.startswith("2015-12-11 ")]
    assert len(rows) > 200
    assert lines[2 : 2 + len(rows)] == rows
    assert lines[2 + len(rows) :] == [f"{len(rows)} records, {len(rows)} files"]


@pytest.mark.parametrize("end", ["ecsv", "csv", "json", "parquet"])
def test_a_search_is_written_to_a_file(demo: tuple[str, Layer], tmp_path: Path, end: str) -> None:
    if end == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"search.{end}"
    shown = run("search", *DAY, "--segment", "bitmap", "-o", str(path))
    assert (shown.exit_code, shown.stderr) == (0, "")
    [line] = shown.stdout.splitlines()
    count = int(line.split()[0])
    assert line == f"{count} records, {count} files in {path}"
    if end in ("ecsv", "parquet"):
        assert len(FLARECASTResponse.read(path)) == count
    else:
        assert path.read_text().count("hmi.sharp_720s") == count
    demo[1].clear()
    shown = run("search", *DAY, "--segment", "bitmap", "-o", str(path))
    assert "already exists. Choose another name, or replace it: overwrite=True, or --overwrite." in shown.stderr
    assert demo[1].requests == []
    assert run("search", *DAY, "--segment", "bitmap", "-o", str(path), "--overwrite").exit_code == 0


def test_search_by_harp_sample_and_near(demo: tuple[str, Layer]) -> None:
    whole = run("search", *DAY, "--near", "2015-12-11T00:12")
    number = next(line.split()[5] for line in whole.stdout.splitlines() if line.startswith("2015"))
    one = run("search", *DAY, "--harp", number, "--sample", "12 min")
    lines = [line for line in one.stdout.splitlines() if line.startswith("2015")]
    assert lines
    assert {line.split()[5] for line in lines} == {number}
    # Slots of T_REC are in TAI, which is 36 s ahead of UTC.
    for tolerance, count in (("36 s", len(lines)), ("35 s", 0)):
        near = run("search", *DAY, "--harp", number, "--sample", "12 min", "--tolerance", tolerance)
        assert len([line for line in near.stdout.splitlines() if line.startswith("2015")]) == count
    two = run("search", *DAY, "--harp", number, "--harp", f"{int(number) + 1}:{int(number) + 50}")
    assert len([line for line in two.stdout.splitlines() if line.startswith("2015")]) > len(lines)


def test_an_empty_result_is_not_a_success(demo: tuple[str, Layer]) -> None:
    for year in (1999, 2090):
        shown = run("search", f"{year}-01-01", f"{year}-01-02")
        assert shown.exit_code == 1
        assert "0 records" in shown.stdout
        assert "dubious year" not in shown.stderr
        assert shown.stderr.count("Nothing was found") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (("search", "yesterday", "2015-12-11"), 2, "'yesterday' is not a time; write 2015-12-11"),
        (("search", "2015-12-12", "2015-12-11"), 2, "is before START"),
        (("search", *DAY, "--sample", "6"), 2, "is not a length of time; write '6 h'"),
        (("search", *DAY, "--harp", "x"), 2, "is not a HARP number or range; write 377"),
        (("search", *DAY, "--harp", "0"), 2, "is not a HARP number or range; write 377"),
        (("search", *DAY, "--sample", "-6 h"), 2, "'-6 h' is not a length of time; write '6 h'"),
        (("search", *DAY, "--sample", ""), 2, "is not a length of time; write '6 h'"),
        (("search", *DAY, "--tolerance", "12 min"), 2, "add one to the query (--sample or --near)."),
        (("search", *DAY, "--near", ""), 2, "'' is not a time; write 2015-12-11"),
        (("search", *DAY, "--url", ""), 2, "Set sunpy_flarecast.conf.url, FLARECAST_URL or --url"),
        (("search", *DAY, "--harp", "12192"), 1, "write a.flarecast.NOAA(12192) (--noaa)."),
        (("search", *DAY, "--where", "mean* > 1"), 2, "(sunpy-flarecast keywords --keyword) gives the keywords"),
        (("plot", "disk", *DAY, "--color", "mean*", "-o", "disk.png"), 2, "'mean*' is not the name of one keyword"),
        (("plot", "disk", *DAY, "--color", "noaa_ars", "-o", "disk.png"), 2, "is text, which cannot colour the boxes"),
        (("plot", "disk", *DAY, "--time", "2017-09-06", "-o", "disk.png"), 2, "within a day of 2017-09-06T00:00 UTC"),
        (("openapi", "-o", "no/such/folder/openapi.json"), 2, "its folder does not exist"),
        (("search", *DAY, "--segment", "Br"), 2, "'Br' is in hmi.sharp_cea_720s"),
        (("--url", "http://127.0.0.1:9", "search", *DAY), 1, "cannot be reached"),
        (("--url", "localhost", "search", *DAY), 2, "is not a valid http:// or https:// URL"),
        (("fetch", *DAY, "--path", "{harp}/{file}"), 2, "Valid: {file}"),
        (("fetch", *DAY, "--report", "/no/such/folder/report.json"), 2, "its folder does not exist"),
        (("serve",), 2, "or --demo for synthetic ones"),
        (("serve", "/nowhere"), 2, "does not exist"),
        (("serve", "--demo", "--port", "99999"), 2, "range"),
    ],
)
def test_errors_are_a_single_message(
    demo: tuple[str, Layer], arguments: tuple[str, ...], status: int, part: str
) -> None:
    shown = run(*arguments)
    assert shown.exit_code == status
    assert part in shown.stderr
    assert "Traceback" not in shown.output


def test_a_terminal_gets_fewer_digits_than_a_pipe(demo: tuple[str, Layer]) -> None:
    command = [sys.executable, "-m", "sunpy_flarecast", "--url", demo[0], "keywords", *DAY, "--keyword", "usflux"]
    plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
    shown = [
        subprocess.run(command, capture_output=True, text=True, timeout=120, env={**plain, **terminal}, check=True)
        for terminal in ({}, {"FORCE_COLOR": "1"})
    ]
    whole, short = ([line.split()[-1] for line in one.stdout.splitlines() if "hmi.sharp" in line] for one in shown)
    assert max(map(len, whole)) > len("-1.23457e+22")
    assert max(map(len, short)) <= len("-1.23457e+22")
    assert [float(value) for value in short] == pytest.approx([float(value) for value in whole], rel=1e-5)


def test_a_terminal_gets_the_beginning_and_the_end_of_a_long_table(demo: tuple[str, Layer]) -> None:
    command = [sys.executable, "-m", "sunpy_flarecast", "--url", demo[0], "search", "2015-12-11", "2015-12-11T06:00"]
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "dumb", "LINES": "10"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=True)
    assert "..." in done.stdout
    assert 20 < sum(line.startswith("2015-12-11 ") for line in done.stdout.splitlines()) < 40


def test_fetch_downloads_files_and_reports_missing_ones(demo: tuple[str, Layer], tmp_path: Path) -> None:
    layer = demo[1]
    options = ("fetch", *DAY, "--segment", "bitmap", "--no-progress", "--path", f"{tmp_path}/{{harpnum}}/{{file}}")
    layer.faults["bitmap.fits"] = answer(b'{"message": "the tape is away"}', status=404)
    layer.times["bitmap.fits"] = 1
    report = tmp_path / "report.json"
    shown = run(*options, "--passes", "1", "--report", str(report))
    assert shown.exit_code == 1
    assert "the tape is away" in shown.stderr
    count = len(list(tmp_path.rglob("*.fits")))
    assert f"{count} files fetched, 0 already there, 1 failed." in shown.stderr
    summary = json.loads(report.read_text())
    assert not summary["complete"]
    assert len(summary["fetched"]) == count
    assert "the tape is away" in summary["failed"][0]["reason"]
    shown = run(*options, "--report", str(report))
    assert shown.exit_code == 0, shown.stderr
    assert f"1 file fetched, {count} already there, 0 failed." in shown.stdout
    assert json.loads(report.read_text())["complete"]
    path = min(tmp_path.rglob("*.fits"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3000] + bytes([whole[-3000] ^ 1]) + whole[-2999:])
    for verify, what in {(): f"{count + 1} already there", ("--verify",): "1 file on disk was damaged"}.items():
        shown = run(*options, *verify)
        assert shown.exit_code == 0, shown.stderr
        assert what in shown.stdout
    assert path.read_bytes() == whole
    assert not conf.verify_checksum
    # A failed fetch removes the report of an earlier one.
    assert run("--url", "http://127.0.0.1:9", *options, "--report", str(report)).exit_code == 1
    assert not report.exists()


@pytest.mark.parametrize(
    ("path", "more", "message"),
    [
        ("{nosuch}/{file}", (), "has an unknown field {nosuch}"),
        ("{usflux}/{file}", (), "has an unknown field {usflux}"),
        ("{HARPNUM}/{file}", (), "Did you mean {harpnum}?"),
        ("{harpnum:%Y}/{file}", ("--where", "usflux > 1"), "cannot be filled in"),
        ("{harpnum}_{segment}.fits", (), "would create a folder '{harpnum}_{segment}.fits'. Write {file} for the file"),
        ("file/{harpnum}/{file}", (), "file is not a folder"),
    ],
)
def test_a_path_is_checked_before_the_search(
    demo: tuple[str, Layer], tmp_path: Path, path: str, more: tuple[str, ...], message: str
) -> None:
    (tmp_path / "file").touch()
    shown = run("fetch", *DAY, *more, "--path", f"{tmp_path}/{path}")
    assert shown.exit_code != 0
    assert message in " ".join(shown.stderr.split())
    assert demo[1].requests == []
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_path_may_have_keywords_of_conditions(demo: tuple[str, Layer], tmp_path: Path) -> None:
    options = ("--segment", "bitmap", "--harp", "1:7000", "--no-progress", "--where", "noaa_num >= 0")
    shown = run("fetch", *DAY, *options, "--path", f"{tmp_path}/{{noaa_num}}/{{t_rec:%H%M}}/{{file}}")
    assert shown.exit_code == 0, shown.stderr


def test_harps_without_records_are_not_a_success(demo: tuple[str, Layer]) -> None:
    shown = run("search", *DAY, "--harp", "1:100000", "--harp", "999999")
    assert shown.exit_code == 1
    assert "no record of HARP 999999 in this range." in shown.stderr
    shown = run("search", *DAY, "--harp", "1:100000", "--noaa", "12999")
    assert shown.exit_code == 1
    assert "but none with HARPNUM 1 to 100000 and 12999 in NOAA_AR or NOAA_ARS." in shown.stderr


def test_gaps_are_not_a_success_and_are_errors_if_strict(demo: tuple[str, Layer]) -> None:
    demo[1].faults["start=2015-12-12"] = answer(b"busy", status=503)
    days = ("2015-12-11", "2015-12-14", "--sample", "12 h")
    shown = run("search", *days)
    assert shown.exit_code == 1
    assert " records, " in shown.stdout
    assert "Records of hmi.sharp_720s from 2015-12-12T" in shown.stderr
    shown = run("search", *days, "--strict", "--no-progress")
    assert shown.exit_code == 1
    assert "Error: Records of " in shown.stderr
    assert shown.stdout == ""
    demo[1].clear()
    assert run("search", *days, "--strict").exit_code == 0


def test_missing_segments_are_not_a_success(demo: tuple[str, Layer], tmp_path: Path) -> None:
    url, layer = demo
    reply = requests.get(f"{url}/HMI/hmi.sharp_720s?start=2015-12-11T00:10:00Z&end=2015-12-11T00:11:00Z", timeout=60)
    layer.faults["?start"] = answer(reply.content.replace(b"/field.fits", b"/feld.fits"))
    shown = run("fetch", *DAY, "--segment", "field", "--segment", "bitmap", "--no-progress", "--path", str(tmp_path))
    assert shown.exit_code == 1
    assert "'field'" in shown.stderr
    assert list(tmp_path.glob("*.bitmap.fits"))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_it_is_stopped(tmp_path: Path, end: signal.Signals) -> None:
    fits.PrimaryHDU(np.ones((4, 4), dtype=np.int16)).writeto(
        tmp_path / "hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits"
    )
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().startswith("1 record in 1 file (1 new)")
            url = child.stdout.readline().split()[2]
            query = "start=2011-02-15T00:00:00Z&end=2011-02-16T00:00:00Z"
            reply = requests.get(f"{url}/HMI/sharp_720s?{query}", timeout=60).json()
            assert [record["harpnum"] for record in reply["data"]] == [377]
            child.send_signal(end)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0
    assert out.splitlines()[-1] == "Stopped."
    assert err == ""


def test_serve_reports_its_public_url_and_missing_quicklooks() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from sunpy_flarecast.__main__ import main; main()"
    options = ("--port", "0", "--public-url", "https://sharps.example.org", "--acknowledge", "https://example.org/cite")
    command = [sys.executable, "-c", code, "serve", "--demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[2]
            assert child.stdout.readline() == "In Python: sunpy_flarecast.conf.url = 'https://sharps.example.org'\n"
            assert "https://example.org/cite" in requests.get(f"{url}/search", timeout=60).text
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert err.count("no quicklooks") == err.count("Warning") == 1


def test_serve_says_how_to_set_the_token_that_it_requires(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{hashlib.sha256(b's3cr3t').hexdigest()}\n", encoding="utf-8")
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", "--demo", "--port", "0", "--token-file", str(tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[2]
            assert child.stdout.readline() == f"In Python: sunpy_flarecast.conf.url = '{url}'\n"
            said = child.stdout.readline()
            assert "sunpy_flarecast.conf.token = '...'" in said
            assert "FLARECAST_URL and FLARECAST_TOKEN" in said
            assert requests.get(f"{url}/HMI", timeout=60).status_code == 401
            child.send_signal(signal.SIGINT)
            out, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert out == "Stopped.\n"


def test_a_port_in_use_gives_one_message(demo: tuple[str, Layer]) -> None:
    shown = run("serve", "--demo", "--port", demo[0].rpartition(":")[2])
    assert shown.exit_code == 1
    assert "Choose another address or port" in shown.stderr


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--host", "192.0.2.1"), 1, "Cannot listen on port"),
        (("--trusted-proxy", "nowhere"), 2, "is neither an address nor a network"),
        (("--metrics-from", "nowhere"), 2, "is neither an address nor a network"),
        (("--public-url", "sharps.example"), 2, "sharps.example"),
        (("--access-log", "none/log"), 2, "The access log cannot be written"),
        (("--ssl-key", __file__), 2, "requires its certificate"),
        (("--ssl-cert", __file__), 2, "Cannot load a certificate and unencrypted key (PEM) from "),
        (("--token-file", __file__), 2, "is not a SHA-256 digest"),
        (("--acknowledge", "ack.tx"), 2, "--acknowledge ack.tx: this file does not exist"),
        (("--acknowledge", "/srv/ack"), 2, "this file does not exist"),
    ],
)
def test_options_are_checked_before_the_archive_is_read(
    tmp_path: Path, options: tuple[str, str], status: int, message: str
) -> None:
    shown = run("serve", str(tmp_path), "--port", "0", *options)
    assert (shown.exit_code, shown.stdout) == (status, "")
    assert message in shown.stderr
    assert not list(tmp_path.iterdir())  # no index


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--demo",), "Specify either a DIRECTORY"),
        (("--headers", "bare"), "--headers requires --demo"),
        (("--reindex", "soon"), "'soon': write a time, such as 60s or 10min, or never."),
        (("--token-file", "nosuch"), "File 'nosuch' does not exist"),
        (("--ssl-cert", "nosuch"), "File 'nosuch' does not exist"),
    ],
)
def test_invalid_combinations_of_options(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    shown = run("serve", str(tmp_path), *arguments)
    assert shown.exit_code == 2
    assert message in shown.stderr


def test_an_empty_folder_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        _opened(tmp_path, None, None, stack)
    assert capsys.readouterr().err == f"Warning: No files below {tmp_path} can be served.\n"


@pytest.mark.parametrize("option", [("--reindex", "1min"), ("--x-accel", "/files"), ("--index", "index.sqlite")])
def test_options_that_do_not_apply_to_synthetic_files(option: tuple[str, str]) -> None:
    shown = run("serve", "--demo", *option)
    assert shown.exit_code == 2
    assert "require a DIRECTORY" in " ".join(shown.stderr.split())


def test_files_that_cannot_be_served_are_listed_once(tmp_path: Path) -> None:
    for harp in range(1, 13):
        (tmp_path / f"hmi.sharp_720s.{harp}.20110215_020000_TAI.bitmap.fits").touch()
    fits.PrimaryHDU(np.ones((4, 4), dtype=np.int16)).writeto(
        tmp_path / "hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits"
    )
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", str(tmp_path), "--reindex", "1s", "--host", "0.0.0.0"]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[2]
            assert child.stdout.readline().startswith("The service listens on all addresses of this machine")
            assert requests.get(f"{url}/health", timeout=60).json()["reindex_failed"] is False
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert (child.returncode, out.splitlines()[-1]) == (0, "Stopped.")
    assert err.count("It is empty") == 10
    assert err.count("cannot be served") == 1
    assert f"... and 2 more: sunpy-flarecast index {tmp_path} lists them" in err
    assert "DirectoryArchive" not in err


def test_ctrl_c_during_the_imports_prints_one_line() -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sunpy_flarecast.cli': raise KeyboardInterrupt\n"
        "import sunpy_flarecast.__main__ as m\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "m.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_the_demo_ends_with_files_and_a_plot(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sunpy_flarecast", "demo", "--output", "out", "--no-progress"]
    environment = {**os.environ, "FLARECAST_URL": "http://127.0.0.1:9"}  # the demo must not use this URL
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "out").rglob("*.fits"))
    assert len(files) >= 9
    assert len({file.parent.name for file in files}) >= 3
    for file in files:
        assert str(file.relative_to(tmp_path)) in done.stdout
    picture = (tmp_path / "out" / "magnetograms.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 50_000


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_command_without_its_extra_names_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import sunpy_flarecast.__main__ as m; m.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    text = f"The command line needs the package {missing!r}, which is not installed. Install it with: "
    assert done.stderr.splitlines()[-1] == text + install_command("cli")
