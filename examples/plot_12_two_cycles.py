"""
Two solar cycles
================

The flux of active regions: SMARPs of SOHO/MDI (1996 to 2010), then SHARPs of SDO/HMI.
"""

from pathlib import Path

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from astropy.time import Time
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.archive import DirectoryArchive, running

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# Both have USFLUXL, the unsigned flux of the line-of-sight field. It is summed over all regions on each date.


def half_years(start, end):
    """Return a midnight (TAI) in each half year."""
    days = np.round(Time(np.arange(start, end, 0.5), format="jyear").mjd)
    return Time(days, format="mjd", scale="tai")


def flux(series, dates):
    """Return the total flux at each date."""
    total = []
    for date in dates:
        time = a.Time(date, date + 1 * u.day, near=date)
        keywords = Fido.search(time, series)["flarecast"].keywords("usfluxl")
        total.append(keywords["usfluxl"].sum())
    return u.Quantity(total)


# %%
# The demo service has no SMARPs, so this page invents some. Their fluxes are random, and their number follows a cycle
# of 12 years. The files are served from a folder, as in :doc:`plot_11_folder`. If you have SMARP files, serve their
# folder instead.

random, folder = np.random.default_rng(seed=12), Path("data/smarp")
folder.mkdir(parents=True, exist_ok=True)
early = half_years(1996.75, 2010.4)
for date in early:
    activity = np.sin(np.pi * (date.jyear - 1996.6) / 12) ** 2
    for region in range(1 + random.poisson(9 * activity)):
        header = fits.Header({"TARPNUM": int(date.mjd) + region, "QUALITY": 0})
        header["ORIGIN"] = "SYNTHETIC"
        header["T_REC"] = date.strftime("%Y.%m.%d_%H:%M:%S_TAI")
        header["DATE-OBS"] = date.utc.isot
        header["USFLUXL"] = 10 ** random.normal(21.8, 0.3)
        record = f"{header['TARPNUM']}.{date.strftime('%Y%m%d_%H%M%S')}_TAI"
        file = folder / f"mdi.smarp_cea_96m.{record}.magnetogram.fits"
        fits.writeto(file, np.zeros((4, 4)), header, overwrite=True)

with (
    DirectoryArchive(folder) as archive,
    running(archive) as url,
    sunpy_flarecast.conf.set_temp("url", url),
):
    mdi = flux(a.flarecast.Series.mdi_smarp_cea_96m, early)

# %%
# The SHARPs are those of the demo service.

late = half_years(2010.5, 2018.6)
hmi = flux(a.flarecast.Series.hmi_sharp_cea_720s, late)

figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
axes.plot(early.datetime, mdi, "-o", color="#0072b2", label="SMARPs (MDI)")
axes.plot(late.datetime, hmi, "--s", color="#d55e00", label="SHARPs (HMI)")
axes.set(ylim=(0, None), xlabel="T_REC (TAI)", ylabel="sum of USFLUXL (Mx)")
axes.set_title("SYNTHETIC data: total unsigned flux of active regions")
axes.legend(frameon=False)
plt.show()
