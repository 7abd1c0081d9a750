"""An archive whose pages are tested, and requests for its pages."""

from __future__ import annotations

import html
import re

import requests
from indexed import CEA, FIRST

SMARP = "mdi.smarp_cea_96m"
DAY = "2015-12-11"
EVIL = "'\"><script>alert(1)</script>"

#: The steps of HARPs: 377 has a gap, and records on two days.
STEPS = {377: (0, 1, 2, 60, 61, 150), 378: (1, 60)}

PLACE = {"LONDTMIN": -12.5, "LATDTMIN": 10.0, "LONDTMAX": 2.5, "LATDTMAX": 20.0, "CRLT_OBS": -0.6}


def get(service, path, status=200):
    reply = requests.get(f"{service[0]}/{path}", headers={"Accept": "text/html"}, timeout=30)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "text/html; charset=utf-8"), reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "Please cite us." in reply.text
    assert "mailto:us@example.org" in reply.text
    assert "<script>alert" not in reply.text
    return reply.text


def links(text, begin):
    return [html.unescape(link) for link in re.findall(r'href="([^"]*)"', text) if begin in link]


def recnum(service, harp=377, step=0, series=CEA):
    return next(record.recnum for record in service[1].records_at(series, FIRST + step) if record.harpnum == harp)
