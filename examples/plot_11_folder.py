"""
Your own files
==============

Serve the files of a folder, and search them like any other service.
"""

import astropy.units as u
import matplotlib.pyplot as plt
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.archive import DirectoryArchive, running

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# First, make a folder of files. Yours may have any structure. The times are those of T_REC (TAI), so both searches cover
# the same time steps (:doc:`/explanation/times`).

time = a.Time("2014.10.23_00:00:00_TAI", "2014.10.24_00:00:00_TAI")
day = time, a.flarecast.Series.hmi_sharp_cea_720s
segments = a.flarecast.Segment("Br", "bitmap")
wanted = Fido.search(*day, segments, a.Sample(3 * u.hour))["flarecast"]
files = Fido.fetch(wanted, path="data/archive/{harpnum}/{file}", progress=False)
print(len(files), "files")

# %%
# ``DirectoryArchive`` reads the headers of the files into an index. The service runs in this program until the ``with``
# block ends. For a group, run it with ``sunpy-flarecast serve data/archive`` (:doc:`/howto/archive`).

strong = a.flarecast.Keyword("usflux") > 5e21 * u.Mx
with (
    DirectoryArchive("data/archive") as archive,
    running(archive) as url,
    sunpy_flarecast.conf.set_temp("url", url),
):
    results = Fido.search(*day, strong)["flarecast"]
    table = results.keywords("usflux", "meangam", progress=False)
results["T_REC", "HARPNUM", "Quality", "usflux"][:5]

# %%
# The keywords are those of the headers. A curve begins or ends where the flux crosses the threshold of the search.

axes = sunpy_flarecast.plot.plot_keywords(table)
title = f"{wanted.origin} HARPs in a folder: USFLUX and MEANGAM".strip()
axes[0].figure.suptitle(title)
plt.show()
