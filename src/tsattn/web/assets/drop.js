// Sends a dropped or chosen file to the server, which keeps it as a run of this browser.
const drop = element.querySelector(".ts-drop");
const input = drop.querySelector("input");
const note = drop.querySelector(".ts-note");
const LARGEST = 64 * 2 ** 20;

async function send(file) {
  note.textContent = "";
  if (!file) return;
  if (file.size > LARGEST) {
    note.textContent = `${file.name} is larger than ${LARGEST / 2 ** 20} MB; a run's mp4 is far smaller.`;
    return;
  }
  try {
    const answer = await fetch("runs", { method: "POST", body: file });
    const told = await answer.json();
    if (told.error) note.textContent = `${file.name}: ${told.error}`;
    else trigger("open", { run: told.run });
  } catch {
    note.textContent = `${file.name} could not be sent; is the server still there?`;
  }
}

drop.querySelector("button").addEventListener("click", () => input.click());
input.addEventListener("change", () => { send(input.files[0]); input.value = ""; });
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("over", over);
    if (name === "drop") send(event.dataTransfer.files[0]);
  });
}
