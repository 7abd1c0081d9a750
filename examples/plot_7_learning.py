"""
A data set for machine learning
===============================

Images and keywords of the same records, in three sets that share no region: :doc:`/howto/machine-learning` says what to
mind. This is the short form of it, with a look at the result.
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
wanted = np.ma.filled((abs(table["lon_fwt"]) < 60 * u.deg) & (table["usflux"] > 2e21 * u.Mx), False)
results, table = results[wanted], table[wanted]

# %%
# Each HARP goes to one set, with all of its records:

harps = np.random.default_rng(seed=4).permutation(np.unique(table["HARPNUM"]))
ends = np.round(np.array([0.6, 0.8]) * len(harps)).astype(int)
parts = zip(("train", "validation", "test"), np.split(harps, ends), strict=True)
set_of = {harp: name for name, some in parts for harp in some}
table["set"] = results["set"] = [set_of[harp] for harp in table["HARPNUM"]]
report = sunpy_flarecast.fetch(results, path="dataset/{set}/{file}", progress=False)
print(report)

# %%
# All images have pixels of one size, 0.03 degrees of the Sun, but not as many of them. The frame's colour is the set.

colours = {"train": "tab:blue", "validation": "tab:orange", "test": "tab:red"}
order = np.argsort(table["set"] != "train", kind="stable")
paths = [f"dataset/{row['set']}/{file.name}" for row, file in zip(table, results.files(), strict=True)]
maps = sunpy_flarecast.load([paths[row] for row in order])
columns = 4
figure, panels = plt.subplots(
    -(-len(maps) // columns), columns, figsize=(10, 1.6 * -(-len(maps) // columns)), layout="constrained"
)
for panel in panels.flat:
    panel.set_axis_off()
for panel, one, row in zip(panels.flat, maps, order, strict=False):
    panel.set_axis_on()
    panel.imshow(one.data, origin="lower", cmap="gray", vmin=-1000, vmax=1000)
    panel.set(xticks=[], yticks=[])
    panel.set_title(f"HARP {table['HARPNUM'][row]}, {one.date.isot[:10]}", fontsize=8)
    for side in panel.spines.values():
        side.set(color=colours[table["set"][row]], linewidth=3)
figure.legend(
    handles=[plt.Line2D([], [], color=colour, lw=3, label=name) for name, colour in colours.items()],
    loc="outside upper center",
    ncols=3,
)
plt.show()
