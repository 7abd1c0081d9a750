"""The hierarchy of exceptions."""

from __future__ import annotations

import pytest
from sunpy.util.exceptions import SunpyUserWarning

import sunpy_flarecast
from sunpy_flarecast import errors


def test_all_errors_have_one_base_class_and_are_public() -> None:
    assert set(errors.__all__) == {
        name for name in sunpy_flarecast.__all__ if name.endswith(("Error", "Warning", "Interrupted"))
    }
    for name in errors.__all__:
        assert getattr(sunpy_flarecast, name) is getattr(errors, name)
        if name.endswith("Error"):
            assert issubclass(getattr(errors, name), errors.FLARECASTError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.QueryError, ValueError),
        (errors.UnreachableError, errors.ServiceError),
        (errors.ReplyError, errors.ServiceError),
        (errors.MissingDataWarning, SunpyUserWarning),
    ],
)
def test_errors_derive_from_builtin_errors(error: type, kind: type) -> None:
    assert issubclass(error, kind)
