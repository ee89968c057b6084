// Plays the videos of a result in step and moves them together. The markup is Python's (tsattn/web/views.py).
const root = () => element.querySelector(".rs");
const videos = () => [...element.querySelectorAll(".rs-videos video")];
const facts = () => ({ fps: +root().dataset.fps, frames: +root().dataset.frames });

function tell(frame) {
  const { fps, frames } = facts();
  const slider = element.querySelector(".rs-scrub input");
  slider.value = frame;
  slider.setAttribute("aria-valuetext", `${(frame / fps).toFixed(2)} s, frame ${frame}`);
  element.querySelector(".rs-controls output").textContent = `${(frame / fps).toFixed(2)} s · frame ${frame} of ${frames}`;
  element.querySelector(".rs-head").style.left = `${(100 * (frame + 0.5)) / frames}%`;
  element.querySelectorAll(".rs-lane span").forEach((block) => {
    block.classList.toggle("later", !(+block.dataset.first <= frame && frame < +block.dataset.last));
  });
}

const frameOf = (video) => Math.min(Math.max(Math.floor(video.currentTime * facts().fps + 1e-3), 0), facts().frames - 1);

function seek(frame) {
  const { fps, frames } = facts();
  const to = Math.min(Math.max(frame, 0), frames - 1);
  videos().forEach((video) => { video.currentTime = (to + 0.5) / fps; });
  tell(to);
}

function label() {
  const button = element.querySelector("[data-play]");
  const playing = videos().some((video) => !video.paused);
  button.textContent = playing ? "❚❚ Pause" : "▶ Play";
  button.setAttribute("aria-pressed", playing);
}

function pause() {
  videos().forEach((video) => video.pause());
  if (videos().length) seek(frameOf(videos()[0]));
  label();
}

async function play() {
  const speed = +element.querySelector(".rs-controls select").value;
  if (frameOf(videos()[0]) >= facts().frames - 1) seek(0);
  videos().forEach((video) => { video.playbackRate = speed; });
  await Promise.all(videos().map((video) => video.play())).catch(() => {});
  label();
  requestAnimationFrame(follow);
}

// the first video leads; another that is more than half a frame away is put where the first is
function follow() {
  if (!root() || !videos().length) return;
  const [lead, ...others] = videos();
  if (lead.ended) {
    videos().forEach((video) => { video.currentTime = 0; });
    play();
    return;
  }
  if (lead.paused) return label();
  others.forEach((video) => {
    if (Math.abs(video.currentTime - lead.currentTime) > 0.5 / facts().fps) video.currentTime = lead.currentTime;
  });
  tell(frameOf(lead));
  requestAnimationFrame(follow);
}

element.addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (!button) return;
  if (button.dataset.play !== undefined) videos().some((video) => !video.paused) ? pause() : play();
  else if (button.dataset.by) { pause(); seek(frameOf(videos()[0]) + +button.dataset.by); }
});

element.addEventListener("input", (input) => {
  if (input.target.type !== "range") return;
  videos().forEach((video) => video.pause());
  label();
  seek(+input.target.value);
});

element.addEventListener("change", (changed) => {
  if (changed.target.tagName === "SELECT") videos().forEach((video) => { video.playbackRate = +changed.target.value; });
});

watch("value", () => { if (root() && videos().length) { videos().forEach((video) => video.pause()); label(); seek(0); } });
