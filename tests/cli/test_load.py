"""Loading: a pipeline is found in a file, or a sentence says why not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from streamflow.cli.failures import Failure
from streamflow.cli.load import import_file, load_pipeline, split_target
from tests.cli.conftest import Write

SIMPLE = """
first = sf.Pipeline("first")
def make(): return sf.Pipeline("made")
number = 3
nothing = None
def needs(argument): return first
def gives_none(): return None
def breaks():
    raise ValueError("too wide")
def leaves(): raise SystemExit(3)
"""


def test_a_pipeline_is_found_by_its_name(program: Write) -> None:
    path = program(SIMPLE)

    assert load_pipeline(f"{path}:first").name == "first"


def test_a_function_without_arguments_is_called(program: Write) -> None:
    path = program(SIMPLE)

    assert load_pipeline(f"{path}:make").name == "made"


def test_without_a_name_it_is_pipeline(program: Write) -> None:
    path = program("pipeline = sf.Pipeline('default')")

    assert load_pipeline(str(path)).name == "default"


@pytest.mark.parametrize("target", ["folder:x/a.py", "a b.py"])
def test_a_colon_in_a_folder_is_no_name(target: str) -> None:
    assert split_target(target) == (Path(target), "pipeline")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fist", "has no 'fist'; it has the pipeline first"),
        ("number", "'number' in {} is of type int, not a Pipeline; it has the pipeline first"),
        ("nothing", "'nothing' in {} is None, not a Pipeline"),
        ("needs", "must be callable without arguments: missing a required argument: 'argument'"),
        ("gives_none", "'gives_none' in {} is None, not a Pipeline"),
        ("breaks", "{}: breaks() raised ValueError: too wide in line 10"),
        ("leaves", "{}: leaves() raised SystemExit: 3 in line 11"),
    ],
)
def test_what_is_no_pipeline_is_refused_in_a_sentence(
    name: str, words: str, program: Write
) -> None:
    path = program(SIMPLE)

    with pytest.raises(Failure) as raised:
        load_pipeline(f"{path}:{name}")

    assert words.format(path) in str(raised.value)


def test_several_pipelines_are_all_offered(program: Write) -> None:
    path = program("a = sf.Pipeline()\nb = sf.Pipeline()\n_c = sf.Pipeline()")

    with pytest.raises(Failure, match=r"has no 'pipeline'; it has the pipelines a, b$"):
        load_pipeline(str(path))


@pytest.mark.parametrize(
    ("name", "hint"), [("biuld", "; did you mean 'build'\\?$"), ("x", "has no 'x'$")]
)
def test_where_there_is_no_pipeline_the_nearest_function_is_offered(
    name: str, hint: str, program: Write
) -> None:
    path = program("def build(): return sf.Pipeline()")

    with pytest.raises(Failure, match=hint):
        load_pipeline(f"{path}:{name}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nonsense_xyz", "it raised ModuleNotFoundError: No module named 'nonsense_xyz'"),
        ("\n1 / 0", "it raised ZeroDivisionError: division by zero in line 3"),
        ("raise SystemExit", "it raised SystemExit in line 2"),
        ("x = (", "is no valid Python: line 2, '(' was never closed"),
    ],
)
def test_a_file_that_raises_is_named_with_its_line(text: str, words: str, program: Write) -> None:
    path = program(text)

    with pytest.raises(Failure) as raised:
        load_pipeline(str(path))

    assert str(path) in str(raised.value)
    assert words in str(raised.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_bytes(b"\x00\x00")

    with pytest.raises(Failure, match=r"program\.py is no valid Python: source code .* null bytes"):
        load_pipeline(str(path))


def test_missing_files_folders_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    for name, words in (
        ("none.py", "there is no such file"),
        (".", "it is a directory"),
        ("notes.txt", r"its name must end in \.py"),
    ):
        with pytest.raises(Failure, match=words):
            load_pipeline(str(tmp_path / name))


def test_a_file_may_import_its_neighbours_and_look_itself_up(
    program: Write, tmp_path: Path
) -> None:
    (tmp_path / "neighbour_of_it.py").write_text("NAME = 'near'", encoding="utf-8")
    path = program(
        "import sys, neighbour_of_it\n"
        "assert sys.modules[__name__].__dict__ is globals()\n"
        "pipeline = sf.Pipeline(neighbour_of_it.NAME)"
    )

    assert load_pipeline(str(path)).name == "near"


@pytest.mark.parametrize("name", ["json.py", "my-program.py"])
def test_a_file_may_have_any_name(name: str, program: Write) -> None:
    before = json

    module = import_file(program("", name))

    assert module.__name__.isidentifier()
    assert sys.modules["json"] is before


def test_what_stands_below_the_main_guard_is_left_out(program: Write) -> None:
    path = program("pipeline = sf.Pipeline()\nif __name__ == '__main__': raise ValueError")

    assert load_pipeline(str(path)).name == "pipeline"
