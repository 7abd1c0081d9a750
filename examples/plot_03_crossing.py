"""
An active region crosses the disk
=================================

One HARP once a day from limb to limb, with each magnetogram reprojected to its position on the disk.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import sunpy.map
from astropy.coordinates import SkyCoord
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# There is a record every 12 minutes; ``a.Sample`` selects one per day.

results = Fido.search(
    a.Time("2014-10-27", "2014-11-08"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.Segment.magnetogram,
    a.flarecast.HARPNUM(3972),
    a.Sample(1 * u.day),
)["flarecast"]
files = Fido.fetch(results, path="data/{file}", progress=False)
maps = sunpy_flarecast.load(files)
print(len(maps), "magnetograms")

# %%
# ``maps`` is in chronological order and reads each file when needed. Each map is reprojected to the same grid of 2 arcsec
# per pixel, as its own observer saw it, so the region is where it was on that day. The images are combined into one map;
# pixels outside all of them are NaN.

crossing, scale = np.full((250, 1000), np.nan), [2, 2] * u.arcsec / u.pix
for magnetogram in maps:
    centre = SkyCoord(0 * u.arcsec, 125 * u.arcsec, frame=magnetogram.coordinate_frame)
    header = sunpy.map.make_fitswcs_header(crossing.shape, centre, scale=scale)
    day = magnetogram.reproject_to(header).data
    crossing = np.where(np.isfinite(day), day, crossing)
crossing = sunpy.map.Map(crossing, header)

# %%
# Near the limb, the line of sight is almost parallel to the solar surface, so polarities may differ from those of the
# radial field.

figure = plt.figure(figsize=(11, 3.6), layout="constrained")
axes = figure.add_subplot(projection=crossing)
image = crossing.plot(axes=axes, cmap="gray", vmin=-1500, vmax=1500)
crossing.draw_limb(axes=axes, color="black")
for magnetogram in maps:
    centre = magnetogram.center
    place = SkyCoord(centre.Tx, centre.Ty, frame=crossing.coordinate_frame)
    x, y = crossing.wcs.world_to_pixel(place)
    day = f"{magnetogram.date.datetime:%d %b}"
    axes.text(x, y - 46, day, rotation=90, fontsize=8, ha="center", va="top")
first, last = maps[0].date.isot[:10], maps[-1].date.isot[:10]
axes.set_title(f"{results.origin} HARP 3972, {first} to {last} UTC".strip())
axes.set_facecolor("#d0d0d0")
label = "line-of-sight field (Mx/cm²)"
figure.colorbar(image, ax=axes, label=label, shrink=0.9, pad=0.02, extend="both")
plt.show()
