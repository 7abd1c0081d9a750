"""
The 31 segments of a record
===========================

All images of one HARP at one time: the field and its errors, parameters of the inversion, velocity and
intensity, masks and codes.
"""

import matplotlib.pyplot as plt
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.plot import plot_record

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# Without ``a.flarecast.Segment``, all segments of each record are fetched.

results = Fido.search(
    a.Time("2014-10-23", "2014-10-24", near="2014-10-23T12:00"),
    a.flarecast.Series.hmi_sharp_720s,
    a.flarecast.HARPNUM(3944),
)
files = Fido.fetch(results, path="data/{file}", progress=False)
print(len(files), "files")

# %%
# Physical quantities have a colour bar with their unit. Codes, such as ``bitmap`` and ``disambig``, have a colour bar
# with the meaning of each code. Two columns suit a page; the default suits a screen.

errors = [file for file in files if file.endswith("_err.fits")]
plot_record([file for file in files if file not in errors], columns=2)
plt.show()

# %%
# The errors of the inversion, and the correlations of the errors of two parameters, such as ``field_inclination_err``:

plot_record(errors, columns=2)
plt.show()
