// Pages work without this script. It copies code, folds years, moves between days and time steps with keys, and
// retries pictures.
for (const button of document.querySelectorAll("button[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  const status = document.getElementById("status");
  const report = (text) => {
    button.textContent = text;
    status.textContent = text;
    setTimeout(() => { button.textContent = "Copy"; status.textContent = ""; }, 2500);
  };
  // Browsers offer the clipboard only to https and localhost; on other pages execCommand is used.
  const select = () => {
    getSelection().selectAllChildren(source);
    report(document.execCommand("copy") ? "Copied" : "Press Ctrl+C");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(source.textContent).then(() => report("Copied"), select);
  });
}

for (const hint of document.querySelectorAll(".keys")) hint.hidden = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, pre, .scroll, .strip")) return;
  const key = (event.shiftKey ? "Shift+" : "") + event.key;
  [...document.querySelectorAll("a[data-key]")].find((link) => link.dataset.key === key)?.click();
});

// On narrow screens, where days are large, only the latest year is shown at first.
if (matchMedia("(max-width: 48rem)").matches) {
  for (const year of document.querySelectorAll(".years details:not(:first-child)")) year.open = false;
}

// Tab moves to one day of each year in the calendar, arrow keys to neighbouring days.
for (const year of document.querySelectorAll(".year")) {
  const days = [...year.querySelectorAll("a")];
  const steps = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7, Home: -days.length, End: days.length };
  year.addEventListener("keydown", (event) => {
    const step = steps[event.key], at = days.indexOf(event.target.closest("a"));
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = days[Math.min(Math.max(at + step, 0), days.length - 1)];
    days[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}

for (const picture of document.querySelectorAll("img[data-retry]")) {
  let left = 8;
  const retry = () => {
    if (left-- > 0) setTimeout(() => { picture.src = picture.src; }, 2500);
  };
  if (picture.complete && !picture.naturalWidth) retry();
  picture.addEventListener("error", retry);
}
