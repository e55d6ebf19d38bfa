"""Arguments on their way to a handler: checked against its type hints, written as JSON, read back.

A value that is already what its hint says, in JSON's own types, is taken as it is; everything else is for pydantic to
judge, convert and write. So nearly every call costs a few microseconds, and a process whose handlers take plain values
never imports pydantic, which would triple the start of a slot's child.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from leasehold.core.errors import BadApplication, BadArguments, BadResult
from leasehold.core.redaction import HIDDEN, Redaction
from leasehold.core.secret import Secret
from leasehold.core.suggest import did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

INSTEAD = "Return plain values, or the address of a file"
SHOWN = 80
"""Characters of a value in an error message."""
VARARGS, VARKEYWORDS = 0x04, 0x08
"""Flags of a code object, as ``inspect`` names them; importing that would cost a child 15 ms."""

UNSEEN = Redaction()
"""What no error message shows."""
COVERED = b"**********"
"""What pydantic writes for its own secrets."""

Check = Callable[[object], bool]


class Parameters(NamedTuple):
    """What a function takes by name."""

    names: tuple[str, ...]
    required: frozenset[str]
    open: str | None
    """The name of its ``**keywords``, if it has any."""


def parameters_of(name: str, function: Callable[..., object]) -> Parameters:
    """The parameters of a handler's function.

    Raises:
        BadApplication: it has a parameter that cannot be given by name.
    """
    code = getattr(function, "__code__", None)
    if isinstance(function, types.FunctionType) and isinstance(code, types.CodeType) and _is_plain(function, code):
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        defaults = function.__defaults__ or ()
        optional = {*code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]}
        optional |= (function.__kwdefaults__ or {}).keys()
        return Parameters(names, frozenset(names) - optional, None)
    return _parameters_by_signature(name, function)


def _is_plain(function: types.FunctionType, code: types.CodeType) -> bool:
    odd = code.co_flags & (VARARGS | VARKEYWORDS) or code.co_posonlyargcount
    return not odd and not hasattr(function, "__wrapped__")


def _parameters_by_signature(name: str, function: Callable[..., object]) -> Parameters:
    """As ``parameters_of``, for whatever else can be called."""
    from inspect import Parameter, signature  # noqa: PLC0415 - slow to import, and most handlers are plain functions

    names: list[str] = []
    required: set[str] = set()
    keywords = None
    for parameter in signature(function).parameters.values():
        if parameter.kind in {Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY}:
            raise BadApplication(f"handler {name!r} takes {parameter}; a task's arguments need names, so give it one")
        if parameter.kind is Parameter.VAR_KEYWORD:
            keywords = parameter.name
            continue
        names.append(parameter.name)
        if parameter.default is Parameter.empty:
            required.add(parameter.name)
    return Parameters(tuple(names), frozenset(required), keywords)


def hints_of(name: str, function: Callable[..., object]) -> dict[str, object]:
    """The type hints of whatever can be called.

    Raises:
        BadApplication: a hint names something that does not exist.
    """
    bare = function
    while isinstance(bare, partial):
        bare = cast("Callable[..., object]", bare.func)
    if not isinstance(bare, (types.FunctionType, types.MethodType)):
        bare = type(bare).__call__
    try:
        return get_type_hints(bare, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise BadApplication(f"the type hints of handler {name!r} cannot be read: {error}") from error


class Arguments:
    """Checks, writes and reads the arguments of one handler."""

    def __init__(self, name: str, parameters: Parameters, hints: Callable[[], dict[str, object]]) -> None:
        """``hints`` is asked when the first arguments come: hints may name what is defined below the handler."""
        self._name = name
        self.parameters = parameters
        self._names = frozenset(parameters.names)
        self._read_hints = hints
        self._checks: dict[str, Check | None] | None = None
        self._other: Check | None = None
        """For what goes to ``**keywords``."""
        self._hints: dict[str, object] = {}
        self._adapters: dict[str, TypeAdapter[object]] = {}

    def bind(self, positional: Sequence[object], named: Mapping[str, object]) -> str:
        """The arguments of a call as JSON text.

        Raises:
            BadArguments: one is unknown, missing, does not fit its hint, or cannot be written as JSON.
        """
        values = self._by_name(positional, named)
        checks = self._known_checks()
        for name, value in values.items():
            check = checks.get(name, self._other)
            if check is None or not check(value):
                values[name] = self._convert(name, value, check)
        try:
            return json.dumps(values, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise BadArguments(f"the arguments of handler {self._name!r} cannot be written as JSON: {error}") from error

    def coerce(self, text: str) -> dict[str, object]:
        """The arguments by name, as the hints say they are.

        Raises:
            BadArguments: they do not fit this version of the handler.
        """
        found: object = json.loads(text)
        if not isinstance(found, dict):
            raise BadArguments(f"the arguments of handler {self._name!r} are no JSON object")
        values = cast("dict[str, object]", found)
        self._compare_names(values)
        checks = self._known_checks()
        for name, value in values.items():
            check = checks.get(name, self._other)
            if check is None or not check(value):
                values[name] = self._read(name, value)
        return values

    # ------------ names
    def _by_name(self, positional: Sequence[object], named: Mapping[str, object]) -> dict[str, object]:
        values = dict(zip(self.parameters.names, positional, strict=False))
        if len(positional) > len(values):
            self._refuse(f"takes {len(values)} arguments, not {len(positional)}")
        if twice := values.keys() & named.keys():
            self._refuse(f"was given {min(twice)!r} twice")
        values.update(named)
        self._compare_names(values)
        return values

    def _compare_names(self, values: Mapping[str, object]) -> None:
        if not self.parameters.open and not values.keys() <= self._names:
            unknown = min(values.keys() - self._names)
            self._refuse(f"has no argument {unknown!r}", did_you_mean(unknown, self._names))
        if not self.parameters.required <= values.keys():
            missing = next(name for name in self.parameters.names if name in self.parameters.required - values.keys())
            self._refuse(f"needs an argument {missing!r}")

    def _refuse(self, what: str, hint: str = "") -> NoReturn:
        takes = ", ".join(self.parameters.names) or "no arguments"
        raise BadArguments(f"handler {self._name!r} {what}. It takes: {takes}.{hint}")

    # ------------ values
    def _known_checks(self) -> dict[str, Check | None]:
        if self._checks is None:
            self._hints = self._read_hints()
            self._checks = {name: exact(self._hints.get(name, Any)) for name in self.parameters.names}
            self._other = exact(self._hints.get(self.parameters.open or "", Any))
        return self._checks

    def _convert(self, name: str, value: object, check: Check | None) -> object:
        """What JSON writes for a value that pydantic fits to the hint; it must fit again when it is read."""
        adapter = self._adapter(name)
        from pydantic_core import PydanticSerializationError, ValidationError  # noqa: PLC0415 - see the module

        try:
            fitted = adapter.validate_python(value)
            text = adapter.dump_json(fitted)
        except ValidationError as error:
            raise BadArguments(self._misfit(name, value, error)) from error
        except PydanticSerializationError as error:
            raise BadArguments(self._no_json(name, value)) from error
        written: object = json.loads(text)
        if COVERED in text and self._read(name, written) != fitted:
            raise BadArguments(
                f"argument {name!r} of handler {self._name!r} is a secret of pydantic's, which writes asterisks for "
                "it. Use leasehold.Secret as its hint"
            )
        if (
            self._read(name, written) != fitted and check is not None
        ):  # what no hint describes has to come back as it was
            raise BadArguments(self._no_json(name, value))
        return written

    def _read(self, name: str, value: object) -> object:
        """What pydantic makes of a JSON value."""
        adapter = self._adapter(name)
        from pydantic_core import ValidationError  # noqa: PLC0415 - see the module

        try:
            return adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            raise BadArguments(self._misfit(name, value, error)) from error

    def _adapter(self, name: str) -> TypeAdapter[object]:
        if name not in self._adapters:
            hint = self._hints.get(name if name in self._names else self.parameters.open or "", Any)
            self._adapters[name] = self._make_adapter(name, hint)
        return self._adapters[name]

    def _make_adapter(self, name: str, hint: object) -> TypeAdapter[object]:
        from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter  # noqa: PLC0415 - see above

        try:
            return TypeAdapter(cast("type[object]", hint))
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            raise BadApplication(
                f"argument {name!r} of handler {self._name!r} has a hint that JSON cannot carry: {hint!r}"
            ) from error

    def _misfit(self, name: str, value: object, error: Exception) -> str:
        from pydantic_core import ValidationError  # noqa: PLC0415 - see the module

        first = (
            error.errors(include_url=False, include_context=False)[0] if isinstance(error, ValidationError) else None
        )
        why = str(error) if first is None else said(first["loc"], first["msg"])
        covered = cast("dict[str, object]", UNSEEN.covered({name: value}))[name]
        seen = HIDDEN if is_secret(self._hints.get(name)) else covered
        return f"handler {self._name!r} cannot take {shown(seen)} for {name!r}: {why}"

    def _no_json(self, name: str, value: object) -> str:
        return (
            f"handler {self._name!r} cannot take a {type(value).__name__} for {name!r}: JSON cannot hold it. "
            "Give the argument a type hint, or pass the address of a file"
        )


def is_secret(hint: object) -> bool:
    """Whether what is given here is meant for the handler alone, also where it is not what the hint says."""
    return hint is Secret or any(map(is_secret, get_args(hint)))


def said(place: Sequence[int | str], message: str) -> str:
    """Where inside a value something is wrong, and what."""
    inside = "".join(f"[{step!r}]" for step in place)
    return f"{message[:1].lower()}{message[1:]}" + (f" (at {inside})" if inside else "")


def shown(value: object) -> str:
    """A value as an error message shows it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


# ------------ values as they are
def is_json(value: object) -> bool:
    """Whether JSON writes and reads this value without changing it, but for tuples, which become lists."""
    kind = type(value)
    if kind in SCALARS:
        return True
    if kind is list or kind is tuple:
        return all(map(is_json, cast("list[object]", value)))
    if kind is dict:
        items = cast("dict[object, object]", value).items()
        return all(type(key) is str and is_json(inner) for key, inner in items)
    return False


SCALARS = frozenset({str, int, float, bool, type(None)})
CHECKS: dict[object, Check] = {
    Any: is_json,
    object: is_json,
    str: lambda value: type(value) is str,
    int: lambda value: type(value) is int,
    float: lambda value: type(value) is float,
    bool: lambda value: type(value) is bool,
    None: lambda value: value is None,
    type(None): lambda value: value is None,
    list: lambda value: type(value) is list and is_json(cast("object", value)),
    dict: lambda value: type(value) is dict and is_json(cast("object", value)),
}


def exact(hint: object) -> Check | None:
    """A test whether a value is what the hint says already; ``None`` for a hint that needs pydantic."""
    try:
        if hint in CHECKS:
            return CHECKS[hint]
    except TypeError:
        return None  # an Annotated with something unhashable
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Union or origin is types.UnionType:
        return any_of([exact(each) for each in inner])
    if origin is list and len(inner) == 1:
        return list_of(exact(inner[0]))
    if origin is dict and inner[0] is str:
        return dict_of(exact(inner[1]))
    return None


def any_of(checks: Sequence[Check | None]) -> Check | None:
    """A union fits where one of its members does."""
    known = [check for check in checks if check is not None]
    return (lambda value: any(check(value) for check in known)) if known else None


def list_of(check: Check | None) -> Check | None:
    """A list fits where each of its items does."""
    if check is None:
        return None
    return lambda value: type(value) is list and all(map(check, cast("list[object]", value)))


def dict_of(check: Check | None) -> Check | None:
    """A dict with text keys fits where each of its values does."""
    if check is None:
        return None

    def fits(value: object) -> bool:
        if type(value) is not dict:
            return False
        items = cast("dict[object, object]", value).items()
        return all(type(key) is str and check(inner) for key, inner in items)

    return fits


# ------------ results
def dump_result(name: str, value: object) -> str:
    """What a handler returned, as JSON text; pydantic writes what JSON itself cannot (dates, models, sets).

    Raises:
        BadResult: it cannot be written as JSON.
    """
    if value is None:
        return "null"
    try:
        return json.dumps(value, allow_nan=False)
    except TypeError:
        return _dump_rich(name, value)
    except (ValueError, RecursionError) as error:
        raise BadResult(f"handler {name!r} returned what JSON cannot hold: {error}. {INSTEAD}") from error


def _dump_rich(name: str, value: object) -> str:
    from pydantic_core import PydanticSerializationError, to_jsonable_python  # noqa: PLC0415 - see the module

    try:
        text = json.dumps(to_jsonable_python(value, inf_nan_mode="constants"), allow_nan=False)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise BadResult(
            f"handler {name!r} returned what JSON cannot hold ({type(value).__name__}): {error}. {INSTEAD}"
        ) from error
    if COVERED.decode() in text and _holds_secret(value):
        raise BadResult(
            f"handler {name!r} returned a secret of pydantic's, which writes asterisks for it: the value would be lost."
            " A result is for everybody who may see the task: leave the secret out"
        )
    return text


def _holds_secret(value: object) -> bool:
    """Whether one of pydantic's secrets is anywhere in it. What merely looks covered is no secret."""
    from pydantic import Secret, SecretBytes, SecretStr  # noqa: PLC0415 - see the module
    from pydantic_core import SchemaSerializer, core_schema  # noqa: PLC0415 - see the module

    plain: object = SchemaSerializer(core_schema.any_schema()).to_python(value)  # models and dataclasses as dicts
    left = [plain]
    while left:
        each = left.pop()
        if isinstance(each, (Secret, SecretBytes, SecretStr)):
            return True
        if isinstance(each, Mapping):
            left.extend(cast("Mapping[object, object]", each).values())
        elif isinstance(each, (list, tuple, set, frozenset)):
            left.extend(cast("Sequence[object]", each))
    return False
