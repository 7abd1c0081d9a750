"""
A data set for machine learning
===============================

Images and keywords of the same records, in three sets that share no region. :doc:`/howto/machine-learning` explains the
steps; this is a short form, with a look at the result.
"""

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

# %%
# Regions near the centre of the disk, of good quality, with some flux, every three days:

results = Fido.search(
    a.Time("2014-10-20", "2014-11-01"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.flarecast.Quality.good,
    a.Sample(3 * u.day),
)["flarecast"]
table = results.keywords("usflux", "lon_fwt", progress=False)
central = abs(table["lon_fwt"]) < 60 * u.deg
wanted = np.ma.filled(central & (table["usflux"] > 2e21 * u.Mx), False)
results, table = results[wanted], table[wanted]

# %%
# Each HARP goes to one set, with all of its records:

harps = np.random.default_rng(seed=4).permutation(np.unique(table["HARPNUM"]))
ends = np.round(np.array([0.6, 0.8]) * len(harps)).astype(int)
sets = "train", "validation", "test"
parts = zip(sets, np.split(harps, ends), strict=True)
set_of = {harp: name for name, some in parts for harp in some}
table["set"] = results["set"] = [set_of[harp] for harp in table["HARPNUM"]]
path = "dataset/{set}/{file}"
report = sunpy_flarecast.fetch(results, path=path, progress=False)
print(report)

# %%
# All images have pixels of one size, 0.03 degrees of the Sun, but not the same shape. The frame's colour is the set.

colours = {"train": "tab:blue", "validation": "tab:orange", "test": "tab:red"}
order = np.argsort(table["set"] != "train", kind="stable")
names = [file.name for file in results.files()]
paths = [f"dataset/{table['set'][row]}/{names[row]}" for row in order]
maps = sunpy_flarecast.load(paths)
columns = 4
rows = -(-len(maps) // columns)
figure, panels = plt.subplots(rows, columns, layout="constrained")
figure.set_size_inches(10, 1.6 * rows)
for panel in panels.flat:
    panel.set_axis_off()
for panel, image, row in zip(panels.flat, maps, order, strict=False):
    panel.set_axis_on()
    panel.imshow(image.data, origin="lower", cmap="gray", vmin=-1000, vmax=1000)
    panel.set(xticks=[], yticks=[])
    harp, day = table["HARPNUM"][row], image.date.isot[:10]
    panel.set_title(f"HARP {harp}, {day}", fontsize=8)
    for side in panel.spines.values():
        side.set(color=colours[table["set"][row]], linewidth=3)
lines = [plt.Line2D([], [], color=colour, lw=3) for colour in colours.values()]
figure.legend(lines, colours, loc="outside upper center", ncols=3)
plt.show()
