"""
Animation of a passage
======================

A HARP in its Carrington frame, every twelve hours for eight days of its passage across the disk.
"""

import astropy.units as u
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# The images of the CEA series are centred on the HARP, so it stays in place while the Sun rotates.

results = Fido.search(
    a.Time("2014-10-29", "2014-11-06"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.flarecast.HARPNUM(3972),
    a.Sample(12 * u.hour),
)["flarecast"]
files = Fido.fetch(results, path="data/{file}", progress=False)
maps = sunpy_flarecast.load(files)

# %%
# The first, third, fifth, ... images side by side:

figure, panels = plt.subplots(3, 3, figsize=(8, 5), layout="constrained")
for panel, smap in zip(panels.flat, maps[::2], strict=False):
    image = panel.imshow(smap.data, origin="lower", cmap="gray", vmin=-1500, vmax=1500)
    panel.set_title(f"{smap.date.datetime:%d %b %H:%M}", fontsize=9)
for panel in panels.flat:
    panel.set_axis_off()
figure.colorbar(image, ax=panels, label="Br (Mx/cm²)", shrink=0.8, extend="both")
figure.suptitle(f"{results.origin} HARP 3972, times in UTC".strip())
plt.show()

# %%
# The same as an animation, in which each frame changes the image and the title. ``animation.save("passage.gif")`` writes
# it to a file.

plt.rcParams["animation.html"] = "jshtml"
first = maps[0]
figure = plt.figure(figsize=(7.5, 4), dpi=70)
axes = figure.add_subplot(projection=first)
image = first.plot(axes=axes, title=f"{first.latex_name} UTC")
figure.colorbar(image, ax=axes, label="Br (Mx/cm²)", shrink=0.8, extend="both")


def show(smap):
    """Replace the map that is shown."""
    image.set_data(smap.data)
    axes.set_title(f"{smap.latex_name} UTC")


animation = FuncAnimation(figure, show, frames=list(maps), interval=200)
plt.close(figure)
animation
