"use strict";
// Airflow shows the board in a frame, whose theme and windows are those of the page around it.
(() => {
  let around = null;
  try {
    around = window.top === window ? null : window.top.document;
  } catch {
    // Framed by another site, which the policy of the page refuses.
  }
  if (around === null) {
    return;
  }
  const root = document.documentElement;
  const follow = () => {
    root.dataset.theme = around.documentElement.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  const watcher = new MutationObserver(follow);
  watcher.observe(around.documentElement, { attributeFilter: ["class"] });
  window.addEventListener("pagehide", () => watcher.disconnect());
  // The frame may open no window and may not leave for another page, so the page around it does.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target=_blank]");
    if (link !== null) {
      event.preventDefault();
      Object.assign(around.createElement("a"), {
        href: link.href,
        target: "_blank",
        rel: "noopener noreferrer",
      }).click();
    }
  });
})();
