"""A JavaScript engine to agree with: what it makes of an expression, and what we make of it."""

from __future__ import annotations

import json
import math
import struct
from functools import lru_cache
from typing import Any

import quickjs  # type: ignore[import-untyped]  # it ships no types

from streamflow.nodes.javascript import UNDEFINED, EvaluationError, compile_expression
from streamflow.nodes.javascript.numbers import double
from streamflow.nodes.javascript.values import is_array

# What comes back is ASCII, since a lone surrogate is no UTF-8, and numbers as their bits: at
# powers of two QuickJS writes more digits than ECMA-262 asks for. Undefined and -0 go as
# `export` has them.
SHOW = r"""
const number = new Float64Array(1), bits = new BigUint64Array(number.buffer);
function show(x) {
  if (x === undefined) return "null";
  if (typeof x === "number") {
    number[0] = x === 0 ? 0 : x;
    return x !== x ? "NaN" : bits[0].toString(16).padStart(16, "0");
  }
  if (typeof x === "string")
    return JSON.stringify(x).replace(/[\u007f-\uffff]/g,
      c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  if (Array.isArray(x)) return "[" + Array.from(x, show).join(",") + "]";
  if (x !== null && typeof x === "object")
    return "{" + Object.keys(x).filter(k => x[k] !== undefined).sort()
      .map(k => show(k) + ":" + show(x[k])).join(",") + "}";
  return String(x);
}
function answer(f) {
  // Joined, because the binding knows no strings of several parts.
  try { return [show(f())].join(""); }
  catch (error) { return "throws " + error.name; }
}
"""


class Engine:
    """QuickJS, with expressions that see one ``value``."""

    def __init__(self) -> None:
        self._context: Any = quickjs.Context()
        self._context.eval(SHOW)

    def answer(self, text: str, value: Any) -> str:
        """What the expression is for a value, in words that `ours` uses too."""
        code = f"answer(() => {{ const value = {source_of(value)}; return (\n{text}\n); }})"
        return str(self._context.eval(code))


compiled = lru_cache(maxsize=64)(compile_expression)


def ours(text: str, value: Any) -> str:
    """What our compiler makes of it."""
    expression = compiled(text)
    try:
        return show(expression(value))
    except EvaluationError:
        return "throws TypeError"


def show(value: Any) -> str:
    """A result in the engine's words."""
    if value is UNDEFINED:
        # In what was handed in and only passed on.
        return "null"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        number = double(value) if isinstance(value, int) else value
        return "NaN" if math.isnan(number) else struct.pack(">d", number or 0.0).hex()
    if isinstance(value, str):
        return string_source(value)
    if is_array(value):
        return f"[{','.join(map(show, value))}]"
    known = sorted(key for key in value if value[key] is not UNDEFINED)
    return f"{{{','.join(f'{show(key)}:{show(value[key])}' for key in known)}}}"


def string_source(text: str) -> str:
    """A string in ASCII, as a literal of both JSON and JavaScript."""
    return json.dumps(text).replace("\x7f", "\\u007f")


def source_of(value: Any) -> str:
    """A value of Python as source of JavaScript."""
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        text = repr(value).replace("inf", "Infinity").replace("nan", "NaN")
        return f"({text})"
    if isinstance(value, int):
        return f"({value})"
    if isinstance(value, str):
        return string_source(value)
    if is_array(value):
        return f"[{','.join(map(source_of, value))}]"
    pairs = (f"[{string_source(key)}]: {source_of(item)}" for key, item in value.items())
    return f"({{{','.join(pairs)}}})"
