"""
First search and map
====================

One search, one file, one map: the line-of-sight magnetic field of an active region.
"""

import matplotlib.pyplot as plt
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# Search for the record of one HARP nearest to noon on 23 October 2014, and select the magnetogram from its 31 segments.

results = Fido.search(
    a.Time("2014-10-23", "2014-10-24", near="2014-10-23T12:00"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.Segment.magnetogram,
    a.flarecast.HARPNUM(3944),
)
files = Fido.fetch(results, path="data/{file}", progress=False)
print(files[0])

# %%
# This series is on the grid of the camera, which is mounted upside down: solar north is at the bottom of the image
# (CROTA2 is about 180 degrees). The map's coordinates account for that. Inverting both axes puts north at the top
# without changing the data.

magnetogram = sunpy_flarecast.load(files)[0]
figure = plt.figure(figsize=(9, 5))
axes = figure.add_subplot(projection=magnetogram)
magnetogram.plot(axes=axes, title=f"{magnetogram.latex_name} UTC")
axes.invert_xaxis()
axes.invert_yaxis()
label = "line-of-sight field (Mx/cm²)"
figure.colorbar(axes.images[0], ax=axes, label=label, shrink=0.8, extend="both")
plt.show()
