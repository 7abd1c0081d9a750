"""
A data set for machine learning
===============================

Images, keywords and labels of the same records, in three sets that share no region. This is a short version of
:doc:`/howto/machine-learning` with a look at the result.
"""

from datetime import UTC, datetime

import astropy.units as u
import matplotlib.pyplot as plt
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import dataset
from sunpy_flarecast.archive import DemoArchive

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# One call searches, fetches, labels and splits. If it is interrupted, the same call resumes it.

flares = DemoArchive().flares(
    datetime(2014, 10, 1, tzinfo=UTC), datetime(2014, 12, 1, tzinfo=UTC)
)
report = dataset.build(
    "data/learning",
    a.Time("2014-10-20", "2014-11-01"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.flarecast.Quality.good,
    a.Sample(4 * u.day),
    flares=flares,
    threshold="C1.0",
    split={"train": 0.6, "validation": 0.2, "test": 0.2},
    seed=4,
    progress=False,
)
print(report)

# %%
# Each set is a sequence of images, keywords and labels that ``torch.utils.data.DataLoader`` accepts directly. Here all
# images are cropped or padded around their centre to the same shape; a pixel remains 0.03 degrees on the Sun.

ds = dataset.open("data/learning")
sets = {
    name: ds.samples(name, shape=(256, 400), fill=0)
    for name in ("train", "validation", "test")
}
for samples in sets.values():
    print(samples)
    print()

# %%
# Some images of each set; a thick frame marks a record with a flare in the next 24 hours.

figure, panels = plt.subplots(3, 5, figsize=(10, 4.6), layout="constrained")
looks = ("#0072b2", "-"), ("#d55e00", "--"), ("#009e73", ":")
for row, (name, samples), (colour, line) in zip(
    panels, sets.items(), looks, strict=True
):
    for panel in row:
        panel.set_axis_off()
    for panel, (image, _, label), record in zip(
        row, samples, samples.rows, strict=False
    ):
        panel.set_axis_on()
        look = {"cmap": "gray", "vmin": -1500, "vmax": 1500}
        shown = panel.imshow(image[0], origin="lower", **look)
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{name}: HARP {ds.records['HARPNUM'][record]}", fontsize=8)
        panel.spines[:].set(color=colour, linestyle=line, linewidth=4 if label else 1.5)
figure.colorbar(shown, ax=panels, label="Br (Mx/cm²)", shrink=0.8, extend="both")
title = f"{ds.origin} HARPs; thick frame: a flare of C1.0 or above within 24 hours"
figure.suptitle(title.strip(), fontsize=10)
plt.show()
