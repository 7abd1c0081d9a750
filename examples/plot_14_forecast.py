"""
A first flare forecast
======================

A logistic regression on the keywords of a small data set, and its skill with a confidence interval. Regions and flares
are synthetic, so the skill says nothing about the Sun; the steps are the same for real data. This example needs
scikit-learn: ``python -m pip install scikit-learn``.
"""

from datetime import UTC, datetime

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sunpy.net import attrs as a

import sunpy_flarecast
from sunpy_flarecast import dataset
from sunpy_flarecast.archive import DemoArchive

sunpy_flarecast.demo_service()  # or sunpy_flarecast.conf.url = "http://localhost:8001"

# %%
# The data set: two months of Br and 17 keywords, with labels from the demo's flare list, which also covers the days
# before and after. ``dataset.build`` also accepts the path of your own list.

flares = DemoArchive().flares(
    datetime(2014, 9, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC)
)
dataset.build(
    "data/forecast",
    a.Time("2014-10-01", "2014-12-01"),
    a.flarecast.Series.hmi_sharp_cea_720s,
    a.flarecast.Segment.br,
    a.flarecast.Quality.good,
    a.Sample(2 * u.day),
    flares=flares,
    windows=24 * u.hour,
    threshold="C1.0",
    split={"train": 0.6, "test": 0.4},
    stratify=True,
    seed=8,
    progress=False,
)
ds = dataset.open("data/forecast")
ds

# %%
# Records by time and set, the labels of each set, and what is missing:

ds.plot()
plt.show()

# %%
# No region is in both sets. Scaling, imputation of missing values and class weights are part of the pipeline, so they
# are derived from the training set only.

train, test = ds["train"], ds["test"]
model = make_pipeline(
    SimpleImputer(), StandardScaler(), LogisticRegression(class_weight="balanced")
)
model.fit(train.keywords, train.labels)
print(train)

# %%
# The true skill statistic (TSS) is the hit rate minus the false alarm rate: 1 is perfect, 0 is no skill. Records of
# one region are similar, so the confidence interval comes from drawing whole *regions* with replacement; drawing records
# would make it far too narrow.


def tss(labels, forecast):
    """Return the true skill statistic."""
    return forecast[labels == 1].mean() - forecast[labels == 0].mean()


forecast = model.predict(test.keywords)
regions = np.asarray(ds.records["region"])[test.rows]
rows_of = [np.flatnonzero(regions == region) for region in np.unique(regions)]
random = np.random.default_rng(seed=8)
drawn = []
for _ in range(2000):
    rows = np.concatenate(
        [rows_of[number] for number in random.integers(len(rows_of), size=len(rows_of))]
    )
    if 0 < test.labels[rows].mean() < 1:
        drawn.append(tss(test.labels[rows], forecast[rows]))
low, high = np.percentile(drawn, [2.5, 97.5])
skill = tss(test.labels, forecast)
print(
    f"TSS {skill:.2f}, 95 % between {low:.2f} and {high:.2f} ({len(rows_of)} regions)"
)

# %%
# The forecast probabilities of records with and without a flare, the skill, and the largest weights of the model.

probability = model.predict_proba(test.keywords)[:, 1]
weights = model[-1].coef_[0]
order = np.argsort(abs(weights))[-8:]
figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10, 3.4), layout="constrained"
)
looks = {"no flare": (0, "#0072b2", ""), "flare": (1, "#d55e00", "///")}
for name, (label, colour, hatch) in looks.items():
    counts, edges = np.histogram(
        probability[test.labels == label], bins=np.linspace(0, 1, 11)
    )
    left.bar(
        edges[:-1] + (0.025 if label == 0 else 0.075),
        counts,
        0.045,
        color=colour,
        hatch=hatch,
        label=name,
    )
left.axvline(0.5, color="black", lw=0.8, ls="--")
left.set(xlabel="forecast probability", ylabel="test records")
left.legend(frameon=False)
middle.hist(drawn, bins=30, color="#767676")
middle.axvline(skill, color="black", label=f"TSS {skill:.2f}")
look = {"facecolor": ("#0072b2", 0.2), "edgecolor": "#0072b2"}
middle.axvspan(low, high, label="95 %", **look)
middle.set(xlabel="TSS of resampled regions", ylabel="samples")
middle.set_ylim(0, middle.get_ylim()[1] * 1.35)
middle.legend(ncols=2, fontsize=8)
names = [train.keyword_names[place] for place in order]
right.barh(names, weights[order], color="#009e73")
right.axvline(0, color="black", lw=0.8)
right.set(xlabel="weight (scaled keyword)")
title = f"{ds.origin} HARPs: a forecast of flares for {len(test)} test records"
figure.suptitle(title.strip(), fontsize=10)
plt.show()
