"""The code of README and docs runs as it stands; see `pages.py` for how."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Block, all_pages, blocks, page

ROOT = Path(__file__).parents[2]

PAGES = all_pages(ROOT)

TO_RUN = [path for path in PAGES if any(page(path.read_text(encoding="utf-8")))]

ONE_PAGE_SECONDS = 120

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?![a-z]+:)([^)#\s]*)(#[^)\s]*)?\)")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "error",
        "COLUMNS": "100",
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=ONE_PAGE_SECONDS,
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", TO_RUN, ids=[path.relative_to(ROOT).as_posix() for path in TO_RUN])
def test_the_code_of_the_page_runs(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    steps = page(path.read_text(encoding="utf-8"))
    for name, text in steps.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if steps.program:
        program = folder / f"{path.stem.replace('.', '_').replace('-', '_').lower()}.py"
        program.write_text(steps.program, encoding="utf-8")
        done = _run([sys.executable, program.name], folder)
        assert done.returncode == 0, f"{path.name}, lines as in the page:\n{done.stdout}"
    for command in steps.commands:
        done = _run(["bash", "-c", command], folder)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"


def test_the_examples_of_docstrings_compile() -> None:
    examples = [
        (f"{path.name}:{block.line}", "\n".join(block.lines))
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.language == "py"
    ]
    for place, source in examples:
        assert compile(source, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_the_links_of_the_page_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [match[1] for match in LINK.finditer(text) if match[1]]
    assert not [target for target in targets if not (path.parent / target).exists()]


def test_a_page_is_one_program_whose_lines_keep_their_numbers() -> None:
    text = "Hello\n```python\na = 1\n```\nthen\n\n```python\nprint(a)\n```\n"
    assert page(text).program == "\n\na = 1\n\n\n\n\nprint(a)\n"


def test_a_block_that_names_a_file_is_saved_and_what_is_typed_is_run() -> None:
    text = "```python\n# hello.py\nprint(1)\n```\n\n```console\n$ python hello.py\n1\n```\n"
    assert page(text) == ({"hello.py": "# hello.py\nprint(1)\n"}, "", ("python hello.py",))


def test_a_block_is_left_out_only_with_a_reason() -> None:
    text = "<!-- not run: needs a cluster -->\n```python\na\n```\n<!-- not run: -->\n```python\nb\n```\n"
    first, second = blocks(text)
    assert first == Block("python", 3, ("a",), "needs a cluster")
    assert second.reason is None


def test_a_block_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1 has no end"):
        list(blocks("```python\na = 1\n"))
