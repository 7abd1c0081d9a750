"""The demo: a service of synthetic SHARPs, and a tour from a search to maps and a plot of them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC
from typing import TYPE_CHECKING, Final

import astropy.units as u
from sunpy.net import Fido
from sunpy.net import attrs as a
from sunpy.time import parse_time

from sunpy_flarecast import Segment, Series, conf
from sunpy_flarecast.utils.files import check_output
from sunpy_flarecast.utils.optional_deps import PLOT, need
from sunpy_flarecast.utils.reports import counted

from .errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    import parfive

    from sunpy_flarecast.dataset import BuildReport
    from sunpy_flarecast.fido.response import FLARECASTResponse

__all__ = ["DemoService", "demo_data_set", "demo_service", "run_demo"]

#: The day to search, the time of the records to fetch, and their segments.
START: Final = "2014-10-23T00:00:00"
END: Final = "2014-10-24T00:00:00"
NEAR: Final = "2014-10-23T12:00:00"
SEGMENTS: Final = ("magnetogram", "continuum", "bitmap")

#: The end of the data set, and of its list of flares.
LAST: Final = "2014-10-25T00:00:00"
FLARES_LAST: Final = "2014-10-27T00:00:00"

#: Running services; without this reference, a service would stop when the caller's is gone.
_running: Final[set[DemoService]] = set()


class DemoService:
    """
    A service of synthetic SHARPs, started by `demo_service`.

    Attributes
    ----------
    url : str
        Its URL; ``conf.url`` is set to it until the service is closed.
    """

    def __init__(self) -> None:
        from .archive import DemoArchive, running

        with ExitStack() as stack:
            self.url: str = stack.enter_context(running(DemoArchive()))
            stack.enter_context(conf.set_temp("url", self.url))
            self._stack = stack.pop_all()
        _running.add(self)

    def close(self) -> None:
        """Stop the service, and restore ``conf.url``."""
        _running.discard(self)
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "synthetic SHARPs" if self in _running else "closed"
        return f"<DemoService at {self.url}: {state}>"


def demo_service() -> DemoService:
    """
    Start a service of synthetic SHARPs in this process, and set ``conf.url`` to it.

    Returns
    -------
    DemoService
        Its ``close()`` stops the service; so does the end of a ``with`` block, or of the program.

    Raises
    ------
    ImportError
        If the packages of the extra ``archive`` are not installed.

    Examples
    --------
    >>> import sunpy_flarecast
    >>> with sunpy_flarecast.demo_service() as service:
    ...     sunpy_flarecast.conf.url == service.url
    True
    """
    return DemoService()


def run_demo(
    output: Path,
    *,
    say: Callable[[str], None],
    show: Callable[[FLARECASTResponse], None],
    progress: bool = True,
) -> Path:
    """
    Search a day of synthetic SHARPs, fetch one time step, plot its magnetograms, and return the path of the plot.

    ``say`` is called with each message, and ``show`` with the table of results.
    """
    need("The demo needs", "demo", PLOT)
    import matplotlib as mpl
    import sunpy.map

    mpl.use("agg")
    from .plot import plot_magnetograms

    output.mkdir(parents=True, exist_ok=True)
    picture = check_output(output / "magnetograms.png", "The plot")
    with demo_service() as service:
        say(f"A service of synthetic SHARPs is running at {service.url}.")
        say(f"Searching hmi.sharp_720s, {START} to {END} UTC ...")
        day = Fido.search(a.Time(START, END), Series("hmi.sharp_720s"), Segment("magnetogram"))["flarecast"]
        show(day)
        step = Fido.search(a.Time(START, END, near=NEAR), Series("hmi.sharp_720s"), Segment(*SEGMENTS))["flarecast"]
        names = f"{', '.join(SEGMENTS[:-1])} and {SEGMENTS[-1]}"
        say(f"Fetching {names} of the {len(step)} HARPs at the time step nearest to {NEAR} ...")
        files: parfive.Results = Fido.fetch(step, path=str(output / "{harpnum}/{file}"), progress=progress)
    if files.errors:
        failed = counted(len(files.errors), "file")
        raise TransferError(f"{failed} could not be fetched. The first: {files.errors[0].exception}")
    maps = {name: sunpy.map.Map(name) for name in sorted(files)}
    say(f"sunpy.map.Map reads all {len(maps)} files:")
    for name, loaded in maps.items():
        say(f"  {name}  {loaded.data.shape[1]} x {loaded.data.shape[0]} pixels, {loaded.date.isot[:19]} UTC")
    figure = plot_magnetograms([loaded for name, loaded in maps.items() if name.endswith(".magnetogram.fits")])
    figure.savefig(picture, dpi=110)
    return picture


def demo_data_set(output: Path, *, say: Callable[[str], None], progress: bool = True) -> BuildReport:
    """
    Build a data set of two days of synthetic SHARPs, labelled with synthetic flares; an earlier one is replaced.

    ``say`` is called with each message.
    """
    from . import dataset
    from .archive import DemoArchive
    from .flares import read_flares

    output.mkdir(parents=True, exist_ok=True)
    listed = check_output(output / "flares.csv", "The list of flares", fresh=True)
    start, end = (parse_time(time).to_datetime(timezone=UTC) for time in (START, FLARES_LAST))
    DemoArchive().flares(start, end).write(listed, format="ascii.csv")
    say(f"{listed} is a list of synthetic flares. Building a data set of {START} to {LAST} UTC ...")
    with demo_service():
        return dataset.build(
            output / "dataset",
            *(a.Time(START, LAST), Series("hmi.sharp_cea_720s"), Segment("Br"), a.Sample(6 * u.hour)),
            flares=read_flares(listed, extent=(START, FLARES_LAST)),
            windows=24 * u.hour,
            threshold="C1.0",
            split={"train": 0.7, "test": 0.3},
            overwrite=True,
            progress=progress,
        )
