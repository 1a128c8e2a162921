"""What is written for people to read and to paste."""

import os
import shutil
import subprocess
from pathlib import Path

import hostile_texts
import pytest

from edgetl.wording import MOST_SAID, said, typed


@pytest.mark.parametrize("shell", ["bash", "zsh", "ksh"])
def test_a_line_to_paste_gives_every_text_back_and_runs_none(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    canary = tmp_path / "canary"
    path = hostile_texts.trap(tmp_path / "bin", canary)
    # No shell can hand a program a NUL; a word of 100,000 letters is tried apart from the others.
    words = [text for text in hostile_texts.filled(canary) if "\0" not in text and len(text) < 50_000]
    line = typed(["printf", r"%s\0", *words])
    assert line.isprintable()
    environment = {"PATH": f"{path}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    printed = subprocess.check_output([shell, "-c", line], env=environment, cwd=tmp_path)
    assert printed.split(b"\0")[:-1] == [os.fsencode(word) for word in words]
    assert list(canary.iterdir()) == []
    assert len(words) > 200


def test_a_path_that_looks_like_an_option_is_none() -> None:
    assert typed(["edgetl", "run", Path("-rf.edgetl")]) == "edgetl run ./-rf.edgetl"


def test_plain_words_stay_as_they_are() -> None:
    assert (
        typed(["edgetl", "verify", Path("flowers.edgetl"), "Käfer"]) == "edgetl verify flowers.edgetl 'Käfer'"
    )


def test_a_strangers_words_are_one_short_line(tmp_path: Path) -> None:
    for text in hostile_texts.filled(tmp_path):
        assert said(text).isprintable()
        assert len(said(text)) <= 10 * (MOST_SAID + 1)  # a letter is spelled with ten at most
