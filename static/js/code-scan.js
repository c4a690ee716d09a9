/* Paydesk till and ATM: the camera reads a customer's code into its field and sends the form; the server says which number
   it is. Without a camera, or a browser that reads codes, the code is typed. On the box: data-scan (the field's name, "code"
   where it says none), data-say-refused, and data-next, the field that comes next where the form is not to be sent yet. */
import { canScan, scanInto } from "./phone/scan.js";

const box = document.querySelector("[data-scan]");
const start = box?.querySelector("[data-scan-start]");
const video = box?.querySelector("video");
const said = box?.querySelector("[data-scan-words]");
const FORM = /^[SATO][0-9A-Z.]{5,}$|^[0-9]{12,26}$/i;

let stop = null;
const words = start?.querySelector("[data-words]");
const turn = () => {
  [words.textContent, words.dataset.words] = [words.dataset.words, words.textContent];
};
const tell = (text) => {
  said.textContent = text;
  said.hidden = !text;
};
const close = () => {
  stop?.();
  stop = null;
  video.hidden = true;
  turn();
};
const took = (code) => {
  close();
  const field = box.querySelector(`[name=${box.dataset.scan || "code"}]`);
  field.value = code;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (box.dataset.next) field.form.elements[box.dataset.next].focus();
  else field.form.requestSubmit();
};
const open = async () => {
  tell("");
  video.hidden = false;
  turn();
  try {
    stop = await scanInto(video, (text) => (FORM.test(text.trim()) ? text.trim() : null), took);
  } catch {
    close();
    tell(box.dataset.sayRefused);
  }
};

if (start && (await canScan())) {
  start.hidden = false;
  start.addEventListener("click", () => (stop ? close() : video.hidden && open()));
  addEventListener("pagehide", () => stop?.());
}
