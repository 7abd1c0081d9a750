"""
An active region crosses the disk
=================================

One HARP once a day from limb to limb, with each magnetogram at its position on the disk.
"""

import astropy.units as u
import matplotlib.pyplot as plt
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

# %%
# There is a record every 12 minutes; ``a.Sample`` selects one per day.

results = Fido.search(
    a.Time("2014-10-27", "2014-11-08"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.Segment.magnetogram,
    a.flarecast.HARPNUM(3972),
    a.Sample(1 * u.day),
)
files = Fido.fetch(results, path="data/{file}", progress=False)
maps = sunpy_flarecast.load(files)
print(len(maps), "magnetograms")

# %%
# ``maps`` is in chronological order and reads each file when needed. The coordinates of its corners place a map on the
# disk. They account for the orientation of the camera: the lower left pixel is at the upper right on the Sun. Near the
# limb, the line of sight is almost parallel to the solar surface, so polarities differ from those of the radial field.

figure, axes = plt.subplots(figsize=(11, 3.8), layout="constrained")
style = {"origin": "lower", "cmap": "gray", "vmin": -1000, "vmax": 1000}
for magnetogram in maps:
    first, last = magnetogram.bottom_left_coord, magnetogram.top_right_coord
    extent = [first.Tx.value, last.Tx.value, first.Ty.value, last.Ty.value]
    axes.imshow(magnetogram.data, extent=extent, **style)
    x, y = magnetogram.center.Tx.value, first.Ty.value + 10
    axes.text(x, y, f"{magnetogram.date.datetime:%d %b}", rotation=60, fontsize=8)
radius = maps[0].rsun_obs.to_value(u.arcsec)
axes.add_patch(plt.Circle((0, 0), radius, fill=False))
axes.set(
    xlim=(-1000, 1000),
    ylim=(-150, 400),
    aspect="equal",
    xlabel="helioprojective x (arcsec)",
    ylabel="helioprojective y (arcsec)",
    title=f"HARP 3972, {maps[0].date.isot[:10]} to {maps[-1].date.isot[:10]}",
)
plt.show()
