"""Which files a module depends on is read from the sources, and what cannot be followed is refused."""

from pathlib import Path

import pytest

from tests.tfx_modules.pipeline.source_files import write_files
from tfx_modules.exceptions import CodeVersionError
from tfx_modules.pipeline.sources import Sources


def lay_out(root: Path, files: dict[str, str]) -> Sources:
    return Sources(write_files(root, files), ["ours"])


def packages(*names: str) -> dict[str, str]:
    return {f"{name}/__init__.py": "" for name in names}


@pytest.mark.parametrize(
    "line",
    [
        "import ours.other",
        "import ours.other as renamed",
        "from ours import other",
        "from ours.other import value",
        "from . import other",
        "from .other import value",
        "def late():\n    from ours import other",
        "try:\n    import ours.other\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import ours.other",
        "import importlib\nimportlib.import_module('ours.other')",
        "from importlib import import_module\nimport_module('ours.other')",
        "NAME = 'ours.other'",
        "FUNCTION = 'ours.other.value'",
        "COMMAND = ['python', '-m', 'ours.other']",
    ],
)
def test_a_module_depends_on_what_it_imports_or_names(tmp_path: Path, line: str) -> None:
    files = {**packages("ours"), "ours/main.py": line, "ours/other.py": "value = 1", "ours/unused.py": ""}

    assert lay_out(tmp_path, files).closure(["ours.main"]) == {"ours/__init__.py", "ours/main.py", "ours/other.py"}


@pytest.mark.parametrize(
    "line",
    [
        "if TYPE_CHECKING:\n    import ours.other",
        "import typing\nif typing.TYPE_CHECKING:\n    from ours.other import value",
        "import json, other",
        "TEXT = 'as ours.other does it'",
        '"""Like `ours.other`."""',
        "import importlib\nimportlib.import_module('json')",
    ],
)
def test_it_does_not_depend_on_what_only_type_checkers_or_readers_see(tmp_path: Path, line: str) -> None:
    files = {**packages("ours"), "ours/main.py": line, "ours/other.py": "value = 1"}

    assert lay_out(tmp_path, files).closure(["ours.main"]) == {"ours/__init__.py", "ours/main.py"}


def test_it_depends_on_what_its_imports_import_and_on_their_packages(tmp_path: Path) -> None:
    files = {
        **packages("ours", "ours/b", "ours/b/c", "ours/unused"),
        "ours/__init__.py": "from ours import first",
        "ours/a.py": "import ours.b.c.d",
        "ours/b/__init__.py": "from ours import second",
        "ours/b/c/d.py": "import ours.a",
        "ours/first.py": "",
        "ours/second.py": "",
    }

    needed = files.keys() - {"ours/unused/__init__.py"}
    assert lay_out(tmp_path, files).closure(["ours.a"]) == needed


def test_a_package_that_is_named_may_be_run(tmp_path: Path) -> None:
    files = {
        **packages("ours", "ours/server"),
        "ours/main.py": "COMMAND = ['-m', 'ours.server']",
        "ours/server/__main__.py": "from ours.server import edge",
        "ours/server/edge.py": "",
    }

    assert lay_out(tmp_path, files).closure(["ours.main"]) == files.keys()


def test_files_that_are_no_modules_count_for_their_package(tmp_path: Path) -> None:
    used = {
        **packages("ours", "ours/a"),
        "ours/a/main.py": "",
        "ours/a/vocabulary.txt": "",
        "ours/a/migrations/0001_tables.py": "from ours import tables",
        "ours/a/migrations/later/notes.md": "",
        "ours/tables.py": "",
    }
    others = {
        **packages("ours/b", "ours/a/inner"),
        "ours/b/page.css": "",
        "ours/a/inner/page.css": "",
        "ours/a/__pycache__/main.cpython-310.pyc": "",
        "ours/a/migrations/__pycache__/note.txt": "",
        "ours/a/.main.py.swp": "",
    }

    assert lay_out(tmp_path, {**used, **others}).closure(["ours.a.main"]) == used.keys()


def test_names_of_functions_and_classes_lead_to_their_modules_and_other_packages_are_passed_over(
    tmp_path: Path,
) -> None:
    sources = lay_out(tmp_path, {**packages("ours"), "ours/main.py": "class Executor: ..."})

    assert sources.closure(["ours.main.Executor", "tfx.components.Trainer"]) == {"ours/__init__.py", "ours/main.py"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import ours.gone", r"ours/main.py, line 2, imports ours.gone, which is not below .*; allowed: modules that"),
        ("from ours.gone import value", r"line 2, imports ours.gone"),
        ("from ours import *", r"line 2, imports \* from ours; allowed: names"),
        ("importlib.import_module(name)", r"line 2, uses import_module with something else than a module's name"),
        ("importlib.import_module('.other', 'ours')", r"uses import_module"),
        ("importlib.import_module(f'ours.{name}')", r"uses import_module"),
        ("load = importlib.import_module", r"uses import_module"),
        ("from importlib import import_module as load", r"gives import_module another name"),
        ("__import__(name)", r"uses __import__"),
        ("runpy.run_path(path)", r"uses run_path"),
        ("exec(text)", r"uses exec"),
        ("subprocess.run(['python', '-m', f'ours.{name}'])", r"puts a name together that begins with 'ours\.'"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, line: str, message: str) -> None:
    sources = lay_out(tmp_path, {**packages("ours"), "ours/main.py": f"# what follows\n{line}\n"})

    with pytest.raises(CodeVersionError, match=message):
        sources.closure(["ours.main"])


def test_the_digest_is_of_names_and_contents_in_any_order(tmp_path: Path) -> None:
    sources = lay_out(tmp_path, {"a": "1", "b": "2", "c": "1"})

    assert sources.digest(["a", "b"]) == sources.digest(["b", "a"])
    assert len({sources.digest(files) for files in (["a"], ["b"], ["c"], ["a", "b"], [])}) == 5
