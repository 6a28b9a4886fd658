"""Every example of the README and the pages: run where that is cheap, else compiled or parsed."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from msann_sweep import cli
from msann_sweep.config import SweepConfig, load_search_space
from tests.docs.pages import PAGES, ROOT, Block, blocks

COMPILED_ONLY = "compiled only"
COMMAND = re.compile(r"python -m msann_sweep(?P<arguments> [^`\n]*)")
LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def _in_a_folder_with_the_search_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "search_spaces").symlink_to(ROOT / "search_spaces")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python(block: Block) -> None:
    if ">>>" not in block.text:
        code = compile(block.text, str(block), "exec")
        if not block.note.startswith(COMPILED_ONLY):
            exec(code, {"__name__": "example"})
        return
    parsed = doctest.DocTestParser().get_doctest(block.text, {}, str(block), None, block.line)
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=LOOSELY).run(parsed, out=failures.append)
    assert not failures, "".join(failures)


def test_docstrings() -> None:
    """Those of the package that show a session."""
    tried = 0
    for file in sorted((ROOT / "msann_sweep").rglob("*.py")):
        if ">>> " in file.read_text(encoding="utf-8"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            outcome = doctest.testmod(importlib.import_module(name), optionflags=LOOSELY)
            assert outcome.failed == 0, name
            tried += outcome.attempted
    assert tried > 0


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_a_search_space(block: Block, tmp_path: Path) -> None:
    sections = yaml.safe_load(block.text)
    assert set(sections) <= set(SweepConfig.model_fields)
    file = tmp_path / "example.yaml"
    file.write_text(block.text, encoding="utf-8")
    load_search_space(file)


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_console(
    block: Block, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command of ours behind a dollar sign, and what it prints on either stream."""
    command, _, expected = block.text.partition("\n")
    words = shlex.split(command)
    assert words[:4] == ["$", "python", "-m", "msann_sweep"]
    monkeypatch.setattr("sys.argv", ["msann_sweep", *words[4:]])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    streams = capsys.readouterr()
    printed = streams.out + streams.err
    assert doctest.OutputChecker().check_output(expected, printed, LOOSELY), printed


def _commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for match in COMMAND.finditer(page.read_text(encoding="utf-8")):
            yield page.name, match["arguments"].partition(" #")[0].replace("\\|", " ")


@pytest.mark.parametrize(("page", "arguments"), list(_commands()))
def test_commands_and_options_exist(page: str, arguments: str) -> None:
    """As far as they are written: capitals and brackets stand for what a reader fills in."""
    words = shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", arguments))
    command: click.Command = cli.cli
    names = []
    while words and isinstance(command, click.Group):
        names.append(words.pop(0))
        alternatives = names[-1].split("|")
        assert set(alternatives) <= set(command.commands), f"{page}: no command {' '.join(names)}"
        command = command.commands[alternatives[0]]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)}
    assert given <= known | {"--help"}, f"{page}: {' '.join(names)}"
