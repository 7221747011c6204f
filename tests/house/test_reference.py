"""The API reference: made from the docstrings as they are now."""

from __future__ import annotations

from scripts import make_reference


def test_the_reference_is_up_to_date() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in make_reference.PAGES.glob("*.md")}
    made = make_reference.pages()
    assert committed.keys() == made.keys(), "run `make docs`"
    assert not [name for name in made if made[name] != committed[name]], "run `make docs`"


def test_every_exported_name_has_an_entry_in_the_reference() -> None:
    made = make_reference.pages()
    missing = [
        f"{module}.{name}"
        for module in make_reference.public_modules()
        for name in make_reference.exported_names(module) or ()
        if f"\n## `{name}`\n" not in made[f"{module}.md"]
    ]
    assert not missing
