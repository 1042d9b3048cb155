"""Values: immutable, compared by type and content.

What `dataclasses` would do; importing that costs 15 ms and 2 MB in the function's cold start.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the checkers' own name for it; `typing` costs 6 ms
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import dataclass_transform
else:
    # What a decorator for checkers alone does at run time.
    dataclass_transform = lambda **_: lambda decorated: decorated  # noqa: E731


@dataclass_transform(frozen_default=True)
class Value:
    """A record whose fields are the annotations of its class, in their order.

    Those of a class that it derives from come first.

    Two values are equal when they are of one type and all their fields are: ``AskNext()``
    is not ``Exit()``. There are no default values.
    """

    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = (*cls._fields, *cls.__annotations__)

    def __init__(self, *values: Any, **named_values: Any) -> None:  # noqa: ANN401
        content = self.__dict__
        content.update(zip(self._fields, values, strict=False))
        content.update(named_values)
        assert len(content) == len(self._fields), f"{type(self).__name__} has {self._fields}"

    def __setattr__(self, name: str, value: object) -> None:
        message = f"{type(self).__name__}.{name} cannot be changed"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        content = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({content})"
