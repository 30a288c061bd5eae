"""Read dataclasses from YAML: every unknown, missing or ill-typed field is an error that names it.

A field's annotation says what is allowed: `bool`, `int`, `float`, `str`, `Literal[...]`, `X | None`, `tuple[X, ...]`,
`tuple[X, X]`, `dict[str, X]`, `dict[str, Any]`, or another dataclass. `metadata={"least": 0.0}` and
`{"most": 1.0}` bound numbers.
"""

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from got_ocr.hub.whole_file import write_whole

T = TypeVar("T")


class SettingsError(ValueError):
    """A field that is unknown, missing or ill-typed."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of fields.

    Args:
        path: The file.

    Returns:
        Its fields.

    Raises:
        SettingsError: If it is no YAML, or no mapping of fields.
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If PyYAML is not installed.
    """
    yaml = _yaml()
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration {path}: give a YAML file such as those in configuration/.")
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(fields, dict):
        raise SettingsError(f"{path} must hold fields (name: value), got {_kind(fields)}.")
    return fields


def write_yaml(settings: Any, path: Path) -> None:
    """Write a dataclass so that :func:`read_yaml` and :func:`build` give it again.

    Args:
        settings: A dataclass object.
        path: The file.
    """
    text = _yaml().safe_dump(to_plain(settings), sort_keys=False, allow_unicode=True)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def to_plain(settings: Any) -> dict[str, Any]:
    """Turn a dataclass object into what a YAML file holds."""
    plain: dict[str, Any] = _to_plain(dataclasses.asdict(settings))
    return plain


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Compare two configurations.

    Args:
        before: Fields of a YAML file.
        after: Fields of another.
        prefix: The section's name and a dot.

    Returns:
        A line for each field that differs.
    """
    lines: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += changed_fields(old, new, f"{prefix}{name}.")
        elif old != new:
            lines.append(f"{prefix}{name} is {new!r} (was {old!r})")
    return lines


def _yaml() -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("training needs PyYAML: pip install pyyaml.") from error
    return yaml


def _to_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_plain(one) for key, one in value.items()}
    return [_to_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def set_field(fields: dict[str, Any], assignment: str) -> None:
    """Change one field in place, as `--set` does.

    Args:
        fields: Of a YAML file.
        assignment: `section.name=value`; the value is YAML, so `null`, `true`, `[1, 2]` and `{a: 1}` work.

    Raises:
        SettingsError: If the assignment has another form.
    """
    name, equals, text = assignment.partition("=")
    parts = name.strip().split(".")
    if not equals or not all(parts):
        raise SettingsError(f"--set takes section.name=value, got {assignment!r}.")
    yaml = _yaml()
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"--set {assignment}: the value is not valid YAML.") from None
    inner = fields
    for part in parts[:-1]:
        if inner.get(part) is None:
            inner[part] = {}
        inner = inner[part]
        if not isinstance(inner, dict):
            raise SettingsError(f"--set {assignment}: {part} is {_kind(inner)} and has no fields.")
    inner[parts[-1]] = value


def build(cls: type[T], fields: Mapping[str, Any], where: str, prefix: str = "") -> T:
    """Make a dataclass object of fields.

    Args:
        cls: The dataclass; nested ones are made too.
        fields: Names and values.
        where: The file, for messages.
        prefix: The section's name and a dot, for messages.

    Returns:
        The object.

    Raises:
        SettingsError: If a field is unknown, missing, ill-typed or out of range.
    """
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = [str(name) for name in fields if name not in known]
    if unknown:
        raise SettingsError(
            f"{where}: there is no field {prefix}{unknown[0]}; allowed {'in ' + prefix[:-1] if prefix else 'here'}: "
            f"{', '.join(sorted(known))}."
        )
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in fields:
            values[name] = _convert(fields[name], hints[name], where, prefix + name)
            _check_range(values[name], field.metadata, where, prefix + name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SettingsError(f"{where}: the field {prefix}{name} is missing ({_describe(hints[name])}).")
    try:
        return cls(**values)
    except ValueError as error:  # of a __post_init__, which does not know where
        section = "" if isinstance(error, SettingsError) else prefix
        raise SettingsError(f"{where}: {section}{error}") from None


def _convert(value: Any, hint: Any, where: str, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(value, inner[0], where, name)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: {name} must hold fields (name: value), got {_kind(value)}.")
        return build(hint, value, where, f"{name}.")
    if origin is Literal:
        if not any(value == one and type(value) is type(one) for one in arguments):
            raise SettingsError(f"{where}: {name} must be {_describe(hint)}, got {value!r}.")
        return value
    if origin is tuple and arguments[-1] is not Ellipsis and (not _is_list(value) or len(value) != len(arguments)):
        raise SettingsError(f"{where}: {name} must be {_describe(hint)}, got {value!r}.")
    if origin is tuple and _is_list(value):
        return tuple(_convert(one, arguments[0], where, f"{name}[{i}]") for i, one in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _convert(one, arguments[1], where, f"{name}.{key}") for key, one in value.items()}
    if hint is float and not isinstance(value, bool):
        number = _to_float(value)
        if number is not None:
            return number
    elif (hint is int and isinstance(value, int) and not isinstance(value, bool)) or (
        hint in (str, bool) and isinstance(value, hint)
    ):
        return value
    raise SettingsError(f"{where}: {name} must be {_describe(hint)}, got {value!r}.")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _to_float(value: Any) -> float | None:
    """A finite number; YAML takes 2e-5 for a text, because it has no point."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_range(value: Any, bounds: Mapping[str, Any], where: str, name: str) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    least, most = bounds.get("least", -math.inf), bounds.get("most", math.inf)
    if not least <= value <= most:
        allowed = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise SettingsError(f"{where}: {name} must be {allowed}, got {value}.")


def _describe(hint: Any) -> str:
    """What is allowed, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return f"{_describe(inner[0])} or null"
    if origin is Literal:
        return f"one of {', '.join(repr(one) for one in arguments)}"
    if origin is tuple:
        size = "" if arguments[-1] is Ellipsis else f" of {len(arguments)}"
        return f"a list{size}, each {_describe(arguments[0])}"
    if origin is dict:
        return "fields (name: value)"
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return names.get(hint, "fields (name: value)")


def _kind(value: Any) -> str:
    return {list: "a list", dict: "fields", str: f"the text {value!r}", type(None): "nothing"}.get(
        type(value), repr(value)
    )
