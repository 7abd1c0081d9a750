"""The cards of a full header: their order, FITS names, units and notes, by the DRMS names of the keywords."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

__all__ = ["Card", "cards"]


class Card(NamedTuple):
    """
    How a keyword is written into a header.

    Parameters
    ----------
    drms : str
        Its DRMS name in lower case.
    fits : str
        Its name in FITS files, of eight letters at most.
    comment : str
        The unit in brackets, if there is one, and a note.
    """

    drms: str
    fits: str
    comment: str


# One line per keyword: its DRMS name, its FITS name where that is not just in capitals (else "="), unit, note.
_TABLE: Final = """
date = ISO|HDU creation date
date_s = ISO|date of the Stokes data
date_b = ISO|date of the vector field
date__obs DATE-OBS ISO|observation date (UTC)
t_obs = TAI|nominal time
t_rec = TAI|slot time
t_rec_epoch TRECEPOC TAI|origin of the slots
t_rec_step TRECSTEP seconds|length of a slot
t_rec_unit TRECUNIT |unit of the length of a slot
cadence = seconds|repetition interval
usflux = Maxwell|total unsigned flux
meangam = Degrees|mean inclination to the vertical
meangbt = Gauss/Mm|mean gradient of the total field
meangbz = Gauss/Mm|mean gradient of the vertical field
meangbh = Gauss/Mm|mean gradient of the horizontal field
meanjzd = mA/(m^2)|mean vertical current density
totusjz = Amperes|total unsigned vertical current
meanalp = 1/Mm|mean twist parameter alpha
meanjzh = (G^2)/m|mean current helicity
totusjh = (G^2)/m|total unsigned current helicity
absnjzh = (G^2)/m|absolute net current helicity
savncpp = Amperes|sum of absolute net currents per polarity
meanpot = Ergs per cubic centimeter|mean free energy density
totpot = Ergs per centimeter|total free energy density
meanshr = Degrees|mean shear angle
shrgt45 = Percentage of Total|area with shear above 45 deg
r_value = log10(Maxwell)|flux near polarity inversion lines
ctype1 = |first axis
ctype2 = |second axis
crpix1 = pixel|reference pixel of the first axis
crpix2 = pixel|reference pixel of the second axis
crval1 = |coordinate at the reference pixel
crval2 = |coordinate at the reference pixel
cdelt1 = |scale of the first axis
cdelt2 = |scale of the second axis
cunit1 = |unit of the first axis
cunit2 = |unit of the second axis
imcrpix1 = pixel|Sun centre on the CCD in x
imcrpix2 = pixel|Sun centre on the CCD in y
imcrval1 = arcsec|x at the Sun centre
imcrval2 = arcsec|y at the Sun centre
crota2 = deg|rotation of the image
crder1 = |random error of the first coordinate
crder2 = |random error of the second coordinate
wcsname = |name of the coordinate system
dsun_obs = meters|distance of the observer from Sun centre
dsun_ref = meters|astronomical unit
rsun_ref = m|reference radius of the Sun
crln_obs = deg|Carrington longitude of the observer
crlt_obs = deg|Carrington latitude of the observer
car_rot = |Carrington rotation of CRLN_OBS
obs_vr = m/s|velocity of the observer away from the Sun
obs_vw = m/s|velocity of the observer to solar west
obs_vn = m/s|velocity of the observer to solar north
rsun_obs = arcsec|angular radius of the Sun
telescop = |telescope
instrume = |instrument
wavelnth = angstrom|wavelength
camera = |camera
quality = |quality index
qual_s = |quality of the Stokes data
quallev1 = |quality of the level 1 images
origin = |where the file was made
content = |what the file holds
bld_vers = |version of what made the file
calver64 = |calibration version
hflid = |framelist of the filtergrams
hcftid = |framelist of the focus
qlook = |0 definitive, 1 near real time
harpnum = |HARP number
offdisk = |mask value off the disk
quiet = |mask value of quiet sun
active = |mask value of active regions
nclass = |number of classes in the mask
on_patch = |mask bit of pixels inside the HARP
mask = |least mask value inside the HARP, less 1
arm_qual = |quality of the mask
arm_ncln = |limb pixels reset to quiet
h_merge = |1 if the HARP merged with another
h_faint = |1 if the HARP was faint
arm_modl = |model of the mask
arm_edge = |width of the limb that the mask leaves out
arm_beta = |smoothness of the mask
latdtmin = degree|least latitude of the disk transit
londtmin = degree|least longitude at the central time
latdtmax = degree|greatest latitude of the disk transit
londtmax = degree|greatest longitude at the central time
omega_dt = degree/day|rotation over the disk transit
npix = |pixels inside the HARP
size = mH|projected area of the HARP
area = mH|de-projected area of the HARP
nacr = |active pixels
size_acr = mH|projected area of active pixels
area_acr = mH|de-projected area of active pixels
mtot = weber|sum of absolute LOS flux in the HARP
mnet = weber|net LOS flux in the HARP
mpos_tot = weber|positive LOS flux
mneg_tot = weber|negative LOS flux, absolute
mmean = gauss|mean of the LOS field
mstdev = gauss|standard deviation of the LOS field
mskew = |skewness of the LOS field
mkurt = |kurtosis of the LOS field
lat_min = degree|least Stonyhurst latitude
lon_min = degree|least Stonyhurst longitude
lat_max = degree|greatest Stonyhurst latitude
lon_max = degree|greatest Stonyhurst longitude
lat_fwt = degree|flux-weighted latitude of active pixels
lon_fwt = degree|flux-weighted longitude of active pixels
lat_fwtpos LATFWTPO degree|the same of positive flux
lon_fwtpos LONFWTPO degree|the same of positive flux
lat_fwtneg LATFWTNE degree|the same of negative flux
lon_fwtneg LONFWTNE degree|the same of negative flux
t_frst = TAI|first slot of the HARP
t_frst1 = TAI|slot of its first detection
t_last1 = TAI|slot of its last detection
t_last = TAI|last slot of the HARP
n_patch = |slots that the HARP spans
n_patch1 = |slots from first to last detection
n_patchm = |slots that are missing
noaa_ar = |best matching NOAA active region
noaa_num = |number of matching NOAA active regions
noaa_ars = |all matching NOAA active regions
tintnum = |points of the temporal interpolation
sintnum = |points of the spatial interpolation
distcoef = |coefficients of the distortion
rotcoef = |coefficients of the rotation
polcalm = |method of the polarisation calibration
source = |input data
codever7 = |code that made the record
invcodev = |code of the inversion
invitera = |iterations of the inversion
invstlgt = |correction for stray light
ambcodev = |code of the disambiguation
ambgmtry = |1 planar, 2 spherical
ambpatch = |1 if done for patches
ambweak = |method for weak fields: 2 radial acute
ambbthr0 = G|threshold at the centre of the disk
ambbthr1 = G|threshold at the limb
errgam = Degrees|error of MEANGAM
errtai = (G^2)/m|error of ABSNJZH
errbh = Gauss/Mm|error of MEANGBH
errmpot = Ergs per cubic centimeter|error of MEANPOT
errbt = Gauss/Mm|error of MEANGBT
errtui = (G^2)/m|error of TOTUSJH
errbz = Gauss/Mm|error of MEANGBZ
cmask = number|pixels that the parameters count
errjz = mA/(m^2)|error of MEANJZD
errvf = Maxwell|error of USFLUX
erralp = 1/Mm|error of MEANALP
errmih = (G^2)/m|error of MEANJZH
errmsha = Degrees|error of MEANSHR
errusi = Amperes|error of TOTUSJZ
doffset = Gauss|constant of the noise mask
errtpot = Ergs per centimeter|error of TOTPOT
errjht = Amperes|error of SAVNCPP
usfluxl = Maxwell|unsigned flux of the LOS field
meangbl = Gauss/Mm|mean gradient of the LOS field
cmaskl = number|pixels that the LOS parameters count
gwill = Mm|(MISSING) GWILL
csyser1 = |(MISSING) systematic error
csyser2 = |(MISSING) systematic error
invdocu = |(MISSING) document of the inversion
recnum = |record number
primaryk PRIMARYK |prime keys
license = |licence
"""


@cache
def cards() -> tuple[Card, ...]:
    """
    List the cards in the order of a header.

    Returns
    -------
    tuple of Card

    Examples
    --------
    >>> from sunpy_flarecast.archive.demo.cards import cards
    >>> next(card for card in cards() if card.drms == "date__obs")
    Card(drms='date__obs', fits='DATE-OBS', comment='[ISO] observation date (UTC)')
    """
    result = []
    for line in _TABLE.strip().splitlines():
        drms, fits, rest = line.split(" ", 2)
        unit, note = rest.split("|")
        result.append(Card(drms, drms.upper() if fits == "=" else fits, f"[{unit}] {note}" if unit else note))
    return tuple(result)
