from __future__ import annotations

import pickle

import pytest

from streamflow.errors import GraphError
from streamflow.nodes.javascript import ExpressionError, compile_expression


@pytest.mark.parametrize(
    ("text", "position", "sentence"),
    [
        ("", 0, "an expression is needed here"),
        ("value.f(1)", 7, "a call is not allowed"),
        ("value?.(1)", 7, "a call is not allowed"),
        ("value`a`", 5, "a call by a tagged template is not allowed"),
        ("value?.`a`", 7, "a call by a tagged template is not allowed"),
        ("new Date", 0, "making an object (new) is not allowed"),
        ("delete value.a", 0, "changing an object (delete) is not allowed"),
        ("value = 1", 6, "assignment (=) is not allowed"),
        ("value >>>= 1", 6, "assignment (>>>=) is not allowed"),
        ("value ??= 1", 6, "assignment (??=) is not allowed"),
        ("value++", 5, "changing a value (++) is not allowed"),
        ("--value", 0, "changing a value (--) is not allowed"),
        ("x => x", 0, "unknown name 'x'"),
        ("value => 1", 6, "a function (=>) is not allowed"),
        ("() => 1", 1, "a value is needed here, not )"),
        ("function() {}", 0, "a function (function) is not allowed"),
        ("async () => 1", 0, "a function (async) is not allowed"),
        ("class {}", 0, "a class (class) is not allowed"),
        ("this.a", 0, "this is not allowed"),
        ("await value", 0, "await is not allowed"),
        ("import('os')", 0, "import is not allowed"),
        ("while (true) {}", 0, "a statement (while) is not allowed"),
        ("return value", 0, "a statement (return) is not allowed"),
        ("value instanceof value", 6, "instanceof is not allowed"),
        ("/a+/", 0, "a regular expression (/) is not allowed"),
        ("1, 2", 1, "the comma operator is not allowed"),
        ("1; 2", 1, "a second statement (;) is not allowed"),
        ("10n", 0, "a BigInt (n) is not allowed"),
        ("017", 0, "a number that begins with 0 is octal in some modes"),
        ("0_1", 0, "a number that begins with 0 is octal in some modes"),
        ("1__0", 1, "a number cannot go on with '_'"),
        ("3in value", 1, "a number cannot go on with 'i'"),
        ("0x", 1, "a number cannot go on with 'x'"),
        ("'\\07'", 1, "an octal escape is not allowed"),
        ("'\\u{110000}'", 1, "there is no character beyond"),
        ("'\\xg'", 1, "this escape means nothing"),
        ("'abc", 0, "there is no ' to end this"),
        ("'a\nb'", 0, "there is no ' to end this"),
        ("`abc", 0, "there is no ` to end this"),
        ("`abc${value", 0, "there is no ` to end this"),
        ("`${1 2}`", 5, "number is not expected here"),
        ("(1", 0, "there is no ) to end this"),
        ("[1", 0, "there is no ] to end this"),
        ("{a: 1", 0, "there is no } to end this"),
        ("value[1", 5, "there is no ] to end this"),
        ("(1]", 2, "] is not expected here"),
        ("1 ? 2", 5, "the expression is not complete"),
        ("1 +", 3, "the expression is not complete"),
        ("1 2", 2, "number is not expected here"),
        ("value value", 6, "value is not expected here"),
        ("value.", 6, "the name of a property is needed here"),
        ("value.#a", 6, "a private name (#) is not allowed"),
        ("@a", 0, "a decorator (@) is not allowed"),
        ("\\u0061", 0, "an escape in a name (\\) is not allowed"),
        ("§", 0, "'§' means nothing here"),
        ("1 /* no end", 2, "this comment has no end"),
        ("[1,,2]", 3, "an array with a hole is not allowed"),
        ("{__proto__: 1}", 1, "a prototype (__proto__) is not allowed"),
        ("{'__proto__': 1}", 1, "a prototype (__proto__) is not allowed"),
        ("{f() {}}", 2, "a function (a method) is not allowed"),
        ("{get a() {}}", 5, "a function (get) is not allowed"),
        ("{a b}", 3, "b is not expected here"),
        ("{+}", 1, "+ is not expected here"),
        ("...value", 0, "... is allowed only in an array or an object"),
        ("-value ** 2", 7, "put parentheses around - or ** before **"),
        ("1 ?? 2 || 3", 7, "?? and || need parentheses between them"),
        ("1 && 2 ?? 3", 7, "&& and ?? need parentheses between them"),
        ("valu > 1", 0, "unknown name 'valu': the expression knows value; did you mean value?"),
        ("Math", 0, "unknown name 'Math': the expression knows value"),
        ("{x}", 1, "unknown name 'x'"),
        ("*", 0, "a value is needed here, not *"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(
    text: str, position: int, sentence: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)

    assert str(caught.value).startswith(sentence)
    assert caught.value.position == position


def test_the_error_shows_the_place_of_a_long_text() -> None:
    text = f"'{'a' * 100}' +\n'{'b' * 100}' + f(1) + '{'c' * 100}'"

    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)

    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^")] == "f"
    assert len(line) <= 62


def test_the_error_is_a_fault_of_the_graph_and_travels() -> None:
    error = ExpressionError("a\tb", 2, "no")

    assert isinstance(error, GraphError)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made right here
    assert str(copy) == "no, at character 3:\n  a b\n    ^"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("// note\n 1 /* two */ + 2", 3),
        ("\ufeff\u00a01\u2028+\u30001", 2),
        ("0XfF + 0b11 + 0O7 + 1_0.5_0e0_1", 255 + 3 + 7 + 105),
        (".5 + 5. + 0.5E+1", 10.5),
        ("1..a === undefined", True),
        ("true?.5:1", 0.5),
        ("'\\\r\na\\\u2028b'", "ab"),
        ("'\\b\\f\\n\\r\\t\\v\\0\\q\\x41\\u0042\\u{43}'", "\b\f\n\r\t\v\0qABC"),
        ("`a\r\nb\\\nc`", "a\nbc"),
        ("`$${1}$`", "$1$"),
        ("{class: 1, 'a b': 2, 1.50: 3, [`x`]: 4, }", {"class": 1, "a b": 2, "1.5": 3, "x": 4}),
        ("{['__proto__']: 1}", {"__proto__": 1}),
        ("value.class.new", "found"),
        ("$é + _1", 3),
        ("(1 ?? 2) || 3", 1),
        ("(-2) ** 2", 4),
        ("{}", {}),
        ("[]", []),
        ("[1, 2, ]", [1, 2]),
    ],
)
def test_the_ways_to_write_things(text: str, result: object) -> None:
    expression = compile_expression(text, ["value", "$é", "_1"])

    assert expression({"class": {"new": "found"}}, 1, 2) == result
