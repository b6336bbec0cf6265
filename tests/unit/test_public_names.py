"""What drivers rely on changes only on purpose."""

import difflib
import importlib
import inspect

import pytest

import public_names


def test_the_public_names_and_their_signatures_are_those_of_the_list() -> None:
    listed, found = public_names.FILE.read_text(), public_names.text()
    if found != listed:
        names = "the list", "the code"
        lines = difflib.unified_diff(listed.splitlines(), found.splitlines(), *names, n=2, lineterm="")
        told = "drivers rely on these names: see Public names in CONTRIBUTING.md"
        pytest.fail("\n".join([told, *lines]), pytrace=False)


@pytest.mark.parametrize("name", public_names.MODULES)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    for one in module.__all__:
        value = getattr(module, one)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert (value.__doc__ or "").strip(), one
