"""The kinds of value that several settings have."""

import os
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, Field

from belgie.alchemy.url import split_host


def _without_nul(value: str) -> str:
    if "\x00" in value:
        msg = "Input should not hold a NUL character"
        raise ValueError(msg)
    return value


def _path(value: object) -> object:
    return os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value


def _hosts(value: str) -> str:
    for part in value.split(","):
        split_host(part)
    return value


type Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
type Name = Annotated[str, AfterValidator(_without_nul)]
type Text = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]
type Hosts = Annotated[Text, AfterValidator(_hosts)]
type PathText = Annotated[Text, BeforeValidator(_path)]
