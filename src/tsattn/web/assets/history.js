// The runs of this browser: a button each. The markup is Python's (tsattn/web/views.py).
element.addEventListener("click", (click) => {
  const button = click.target.closest("button[data-run]");
  if (button) trigger("open", { run: button.dataset.run });
});
