
// The page is in a frame of Airflow's UI: it takes over that UI's theme, and opens Airflow's pages there.
(() => {
  let airflow = null;
  try {
    airflow = window.parent !== window ? window.parent.document : null;
  } catch {
    return; // framed by another site: the browser's own theme is used
  }
  if (airflow === null) return;
  const root = airflow.documentElement;
  const follow = () => {
    const dark = root.classList.contains("dark") || root.style.colorScheme === "dark";
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class", "style"] });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (link === null || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const theirs = airflow.createElement("a");
    theirs.href = new URL(link.getAttribute("href"), document.baseURI).href;
    airflow.body.append(theirs);
    theirs.click();
    theirs.remove();
  });
})();

// Buttons that copy the text below them. Without scripts, a click into the text selects all of it.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.closest("details").querySelector("pre");
      getSelection().selectAllChildren(text);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        // No permission, or a page that came by plain HTTP from another machine.
        button.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with the keyboard";
      }
    });
  }
});
