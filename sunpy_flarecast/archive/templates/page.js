for (const button of document.querySelectorAll("button[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  const said = document.getElementById("said");
  const say = (text) => {
    button.textContent = text;
    said.textContent = text;
    setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2500);
  };
  // Browsers have a clipboard for pages of https and of this machine only; for the others there is the old way.
  const select = () => {
    getSelection().selectAllChildren(source);
    say(document.execCommand("copy") ? "Copied" : "Press Ctrl+C");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!navigator.clipboard) return select();
    navigator.clipboard.writeText(source.textContent).then(() => say("Copied"), select);
  });
}
