"""Phrases that read as translated stay out of the package, its documentation and its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FILES = [
    path
    for pattern in (
        "*.cff",
        "*.md",
        "*.rst",
        "changelog/*.rst",
        "docs/**/*.html",
        "docs/**/*.md",
        "docs/**/*.py",
        "docs/**/*.rst",
        "docs/**/*.txt",
        "examples/*.py",
        "examples/*.rst",
        "sunpy_flarecast/**/*.html",
        "sunpy_flarecast/**/*.js",
        "sunpy_flarecast/**/*.py",
        "tests/**/*.py",
        ".ci/*",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path != Path(__file__) and not {"generated", "_build"} & set(path.parts)
]

#: Phrases as regular expressions, and what to write instead. A space also stands for a line break within a paragraph,
#: a comment or a message.
PHRASES = {
    r"(?:is|are|was|were|be|been) told(?! (?:apart|to|not to)\b)": "reported, raised, logged, listed",
    r"rooms|(?:a|the|each|every|other|another) room(?! (?:for|to)\b)": "module, layer, folder, space",
    r"go(?:es|ing)? on (?:where|with|without)|broke off|breaks? off": "resume, continue; was interrupted, ended early",
    r"what there (?:is|are)|what (?:is|are) not|(?:that|which) there (?:is|are) (?:not|none)": "missing, other",
    r"be had": "be fetched, be found; is unavailable",
    r"(?:it|they|which|that|this|name|those|command) (?:is|are) none": "is invalid, is not one, has none",
    r"fulfil\w*": "satisfy, match, meet",
    r"(?<![Tt]here\s)(?:is|are) no (?!longer|more|less|fewer|greater|higher|shorter|skill)[a-z]+": "is not a, are not",
    r"longer than nothing|tells? nothing": "positive; does not identify",
    r"by chance": "random, at random",
    r"in the place of": "in place of, instead of; replace",
    r"(?:the|a|its|their|whose) begin|begin of": "the beginning, the start",
    r"in the order of time": "by time, in chronological order",
    r"(?:be|begins?|begun|mak(?:e|es|ing)|made|written) anew": "rebuild, repeat, start over",
    r"asked for again": "requested again",
    r"(?:is|are) one (?:sentence|message)": "gives a one-line error, is reported once",
}

_GAP = r'(?:[\s#"]|f(?="))+'


def found(phrase: str, text: str) -> list[tuple[int, str]]:
    """Find the lines with a phrase, and the words that match it."""
    pattern = re.compile(rf"\b(?:{phrase.replace(' ', _GAP)})\b")
    return [(text.count("\n", 0, match.start()) + 1, " ".join(match[0].split())) for match in pattern.finditer(text)]


def words_of(path: Path) -> str:
    """Read a file, with the words of test names separated by spaces."""
    return re.sub(r"\btest_\w+", lambda name: name[0].replace("_", " "), path.read_text("utf-8"))


@pytest.mark.parametrize("phrase", PHRASES)
def test_phrase_is_not_used(phrase: str) -> None:
    hits = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}" for path in FILES for line, words in found(phrase, words_of(path))
    ]
    assert not hits, f"Write instead: {PHRASES[phrase]}.\n" + "\n".join(hits)


@pytest.mark.parametrize(
    "text", ["cannot be had", "cannot be\nhad", "# cannot be\n    # had", '"cannot be "\n    f"had"']
)
def test_phrase_is_found_across_lines(text: str) -> None:
    assert len(found("be had", text)) == 1
