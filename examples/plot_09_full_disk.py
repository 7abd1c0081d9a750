"""
HARPs on a full-disk image
==========================

Boxes of HARPs and contours of a magnetogram on an image from another instrument. The image is made here, so that no
download is needed; with a map from AIA or HMI instead, the code works unchanged.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import sunpy.map
from astropy.coordinates import SkyCoord
from matplotlib.lines import Line2D
from scipy.ndimage import gaussian_filter
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

results = Fido.search(
    a.Time("2014-10-23", "2014-10-24", near="2014-10-23T12:00"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.Segment.magnetogram,
)["flarecast"]
files = Fido.fetch(results, path="data/{file}", progress=False)
magnetograms = sunpy_flarecast.load(files)

# %%
# A synthetic corona at 171 Å: bright at the limb, and above the strong field of the magnetograms. With real data this
# would be ``aia = sunpy.map.Map("aia_171.fits")``.

time = magnetograms[0].date
header = sunpy.map.make_fitswcs_header(
    (1024, 1024),
    SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=magnetograms[0].coordinate_frame),
    scale=[2.4, 2.4] * u.arcsec / u.pix,
    instrument="AIA_3",
    telescope="SDO/AIA",
    wavelength=171 * u.angstrom,
)
empty = sunpy.map.Map(np.zeros((1024, 1024)), header)
places = sunpy.map.all_coordinates_from_map(empty)
distance = (np.hypot(places.Tx, places.Ty) / empty.rsun_obs).value
beyond = 350 * np.exp(-8 * (distance - 1))
corona = np.where(distance < 1, 100 + 250 * distance**8, beyond)
for magnetogram in magnetograms:
    field = np.nan_to_num(abs(magnetogram.reproject_to(header).data))
    corona += 4 * gaussian_filter(field, 6) + 2 * gaussian_filter(field, 20)
corona = np.random.default_rng(seed=5).poisson(corona)
aia = sunpy.map.Map(corona.astype(float), header)

# %%
# ``plot_disk`` draws into the axes of any full-disk map, and the coordinates of both maps put the contours of a
# magnetogram in the right place.

figure = plt.figure(figsize=(9, 8), layout="constrained")
axes = figure.add_subplot(projection=aia)
aia.plot(axes=axes, title=f"SYNTHETIC AIA 171 Å, HARPs, {time.iso[:16]} UTC")
results.plot_disk(color="usflux", progress=False, ax=axes)
plt.show()

# %%
# One region, with contours of the magnetogram:

region = next(smap for smap in magnetograms if smap.meta["harpnum"] == 3944)
cutout = aia.submap(region.bottom_left_coord, top_right=region.top_right_coord)
figure = plt.figure(figsize=(8, 5.5), layout="constrained")
axes = figure.add_subplot(projection=cutout)
title = "SYNTHETIC AIA 171 Å and the line-of-sight field of HARP 3944"
image = cutout.plot(axes=axes, title=title)
limits, lines = (axes.get_xlim(), axes.get_ylim()), []
for level, colour, style in ((-300, "#0072b2", "--"), (300, "black", "-")):
    levels = [level] * region.unit
    region.draw_contours(levels, axes=axes, colors=colour, linestyles=style)
    look = {"color": colour, "linestyle": style, "label": f"{level} Mx/cm²"}
    lines.append(Line2D([], [], **look))
axes.legend(handles=lines, loc="lower left")
axes.set(xlim=limits[0], ylim=limits[1])
figure.colorbar(image, ax=axes, label="counts", shrink=0.9, ticks=[200, 400, 800, 1600])
plt.show()
