"""
HARPs on the disk
=================

All HARPs at one time: their positions, magnetic flux and magnetograms.
"""

import matplotlib.pyplot as plt
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.plot import plot_disk_maps

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

results = Fido.search(
    a.Time("2014-11-01", "2014-11-02", near="2014-11-01T12:00"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.Segment.magnetogram,
)["flarecast"]
results["T_REC", "HARPNUM", "Quality"]

# %%
# The boxes need only keywords. Any numeric keyword can define their colour.

results.plot_disk(color="usflux")
plt.show()

# %%
# The magnetograms at their positions on the disk:

files = Fido.fetch(results, path="data/{file}", progress=False)
figure = plt.figure(figsize=(9.6, 8), layout="constrained")
plot_disk_maps(sunpy_flarecast.load(files), figure=figure)
plt.show()
