"""
The polarity inversion line
===========================

Where the radial field changes its sign between strong fields of both polarities, and R_VALUE, which measures the flux
near that line.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

results = Fido.search(
    a.Time("2014-10-19", "2014-10-20", near="2014-10-19T12:00"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.flarecast.HARPNUM(3944),
)["flarecast"]
files = Fido.fetch(results, path="data/{file}", progress=False)
br = sunpy_flarecast.load(files)[0]
r_value = results.keywords("r_value", progress=False)["r_value"][0]

# %%
# The field is smoothed, so that noise does not produce lines. The line is drawn where both polarities reach 100 Mx/cm²
# within 20 pixels (7 Mm). R_VALUE is the logarithm of a flux in Mx, computed from the line-of-sight field.

smooth = gaussian_filter(np.nan_to_num(br.data), 3)
near = (maximum_filter(smooth, 41) > 100) & (maximum_filter(-smooth, 41) > 100)

figure = plt.figure(figsize=(9, 5), layout="constrained")
axes = figure.add_subplot(projection=br)
image = br.plot(axes=axes)
axes.coords.grid(draw_grid=False)
axes.contour(np.where(near, smooth, np.nan), levels=[0], colors="black", linewidths=3.5)
axes.contour(np.where(near, smooth, np.nan), levels=[0], colors="gold", linewidths=2)
line = f"gold: polarity inversion line; R_VALUE {r_value:.2f} (log10 Mx)"
axes.set_title(f"{br.latex_name} UTC\n{line}")
figure.colorbar(image, ax=axes, label="Br (Mx/cm²)", shrink=0.8, extend="both")
plt.show()
