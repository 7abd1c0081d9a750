"""
Arrows of the vector field
==========================

The horizontal field as arrows on the radial field.
"""

import matplotlib.pyplot as plt
import numpy as np
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# In the CEA series the field has three components: Br points away from the Sun, Bp to the west and Bt to the south.

results = Fido.search(
    a.Time("2014-10-23", "2014-10-24", near="2014-10-23T12:00"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment("Br", "Bp", "Bt"),
    a.flarecast.HARPNUM(3944),
)
files = Fido.fetch(results, path="data/{file}", progress=False)
maps = {smap.meta["segment"]: smap for smap in sunpy_flarecast.load(files)}
br, west, north = maps["Br"], maps["Bp"].data, -maps["Bt"].data

# %%
# One arrow for each 10 by 10 pixels, where the horizontal field is well above its error of about 100 Mx/cm². Rows of the
# image are parallel to the solar equator, so the components of the field are also those of the arrows.

y, x = np.mgrid[5 : br.data.shape[0] : 10, 5 : br.data.shape[1] : 10]
strong = np.hypot(west, north)[y, x] > 300
x, y = x[strong], y[strong]

figure = plt.figure(figsize=(9, 5), layout="constrained")
axes = figure.add_subplot(projection=br)
figure.get_layout_engine().set(h_pad=0.15)
image = br.plot(axes=axes, title=f"{br.latex_name} UTC")
axes.coords.grid(draw_grid=False)
look = {"color": "gold", "edgecolor": "black", "linewidth": 0.4, "width": 0.0024}
look |= {"headlength": 3.5, "headaxislength": 3.2}
arrows = axes.quiver(x, y, west[y, x], north[y, x], scale=14000, **look)
axes.quiverkey(arrows, 0.9, 0.06, 1000, "1000 Mx/cm²", labelcolor="white")
figure.colorbar(image, ax=axes, label="Br (Mx/cm²)", shrink=0.8, extend="both")
plt.show()
