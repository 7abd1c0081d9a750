"""The SHARP and SMARP series, their segments and keywords, with units and meanings."""

from sunpy_flarecast.sharp import catalog as _facts
from sunpy_flarecast.sharp.catalog import *  # noqa: F403

__all__: list[str] = []
__all__ += _facts.__all__


def __dir__() -> list[str]:
    return __all__
