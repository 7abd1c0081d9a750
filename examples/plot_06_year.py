"""
A year at six-hour cadence
==========================

An overview of the records of a year, and how to fetch them.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.time import Time
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# The search lists all 350,000 records of the year in parts, and keeps those nearest to the sampling times.

results = Fido.search(
    a.Time("2014-01-01", "2015-01-01"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.Sample(6 * u.hour),
)["flarecast"]
harps = np.asarray(results["HARPNUM"])
print(f"{len(results):,} records of {len(np.unique(harps)):,} HARPs")

# %%
# The number of HARPs on the disk every six hours. If a record is missing, the nearest one replaces it, so times are
# rounded to the grid before counting.

grid = np.round(results["T_REC"].mjd * 4) / 4
times, count = np.unique(grid, return_counts=True)
figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
axes.plot(Time(times, format="mjd", scale="tai").datetime, count, lw=0.8)
axes.set_title(f"{results.origin} HARPs on the disk in 2014".strip())
axes.set(ylim=(0, None), xlabel="T_REC (TAI)", ylabel="HARPs")
plt.show()

# %%
# One month, with a row for each HARP and a marker for each record. Solar rotation carries a HARP across the disk in 13
# to 14 days, so no row spans a longer time. By default the axis covers the range of the search, here the year.

# sphinx_gallery_thumbnail_number = 2
start, end = Time(["2014-03-01", "2014-04-01"], scale="tai")
march = (results["T_REC"] >= start) & (results["T_REC"] < end)
axes = results[march].plot_coverage()
margin = 8 * u.hour
axes.set_xlim((start - margin).datetime, (end + margin).datetime)
plt.show()

# %%
# Write the table to a file to resume the fetch on another day. ``sunpy_flarecast.fetch`` requests missing files again, in
# up to five passes, which may take a night; here it fetches three files. See :doc:`/howto/years`.

results.write("year.ecsv", overwrite=True)
results = sunpy_flarecast.FLARECASTResponse.read("year.ecsv")
path = "data/{harpnum}/{file}"
report = sunpy_flarecast.fetch(results[::5000], path=path, progress=False)
print(report)
