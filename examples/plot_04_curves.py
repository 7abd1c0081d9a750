"""
Curves of keywords
==================

The parameters of two active regions over a week, without downloading any image.
"""

import astropy.units as u
import matplotlib.pyplot as plt
from astropy.table import Table
from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast.plot import plot_keywords

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# A list of HARP numbers selects several HARPs in one table.

results = Fido.search(
    a.Time("2014-10-20", "2014-10-27"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.HARPNUM([3944, 3953]),
    a.Sample(12 * u.hour),
)
names = "usflux", "r_value", "savncpp"
curves = results["flarecast"].timeseries(*names, errors=True, progress=False)
series = list(curves.values())
series[0].to_dataframe().head(3)

# %%
# A panel for each keyword, a curve for each HARP, and error bars where there are errors. Those of USFLUX are smaller than
# the width of the line, and R_VALUE has none. Flares can be marked from any table with peak times and GOES classes, such
# as that of ``Fido.search(a.Time(...), a.hek.EventType("FL"))``. The two here are invented.

flares = Table(
    rows=[("2014-10-22T06:30", "M2.0"), ("2014-10-24T18:00", "X1.2")],
    names=("event_peaktime", "fl_goescls"),
)
plot_keywords(series, *names, flares=flares)
plt.show()
