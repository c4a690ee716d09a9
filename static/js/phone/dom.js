/* Elements, in few words. Text is always text: nothing that was heard is ever read as markup. */

const SVG = "http://www.w3.org/2000/svg";
const app = () => document.getElementById("phone");

/* h("a", {class: "btn", href: "#pay", onclick: act}, "Pay"): a property that is a function is a listener. */
export const h = (tag, props = {}, ...kids) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...kids.flat(Infinity).filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return made;
};

export const icon = (name, size = 16) => {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", size === 16 ? "i" : `i i-${size}`);
  svg.setAttribute("aria-hidden", "true");
  const use = svg.appendChild(document.createElementNS(SVG, "use"));
  use.setAttribute("href", `${app().dataset.icons}#${name}`);
  return svg;
};

/* The fine lines on a card's face. */
export const art = () => {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    class: "art",
    viewBox: "0 0 358 176",
    preserveAspectRatio: "xMidYMid slice",
    "aria-hidden": "true",
  }))
    svg.setAttribute(name, value);
  const path = svg.appendChild(document.createElementNS(SVG, "path"));
  const lines = Array.from(
    { length: 14 },
    (_, n) => `M${18 * n - 40} 200C${18 * n + 60} 120 ${140 + (n ? 14 + 16 * (n - 1) : 0)} 150 420 ${22 * n - 60}`,
  );
  path.setAttribute("d", lines.join(""));
  return svg;
};

/* One choice of several, the first one made: options of [value, words, more]. */
export const choices = (legend, name, options) =>
  h(
    "fieldset",
    { class: "pick" },
    h("legend", {}, legend),
    options.map(([value, words, more], place) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name, value, checked: place === 0 }),
        h("span", {}, words, more ? h("span", { class: "sub" }, more) : null),
      ),
    ),
  );

export const pill = ([tone, word]) => h("span", { class: `pill is-${tone}` }, icon(tone), word);

/* A notice: [heading, what it means and what to do], and perhaps links or buttons. */
export const banner = (tone, [heading, words], ...acts) =>
  h(
    "div",
    { class: `banner is-${tone}`, role: tone === "bad" ? "alert" : null },
    icon(tone, 20),
    h(
      "div",
      { class: "stack stack-2" },
      h("p", {}, h("b", {}, heading), " ", words),
      acts.length ? h("div", { class: "row" }, acts) : null,
    ),
  );

export const link = (href, ...kids) => h("a", { href }, kids);
export const linkButton = (href, tone, ...kids) => h("a", { class: `btn btn-block ${tone}`, href }, kids);

/* A button that shows that it works, and cannot be pressed twice. */
export const button = (tone, act, ...kids) => {
  const made = h("button", { class: `btn btn-block ${tone}`, type: "button", onclick: () => busy(made, act) }, kids);
  return made;
};

export const busy = async (one, act) => {
  if (one.getAttribute("aria-busy") === "true") return;
  one.setAttribute("aria-busy", "true");
  try {
    await act();
  } finally {
    one.removeAttribute("aria-busy");
  }
};

/* A labelled field; its fault, when told, is tied to it and it takes the focus. */
export const field = ({ id, label, hint, ...props }) => {
  const input = h("input", {
    class: "input",
    id,
    name: id,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-describedby": hint ? `${id}-hint` : null,
    ...props,
  });
  const fault = h("p", { class: "err", id: `${id}-err`, hidden: true });
  const box = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
    fault,
    input,
  );
  const tell = (words) => {
    fault.replaceChildren(icon("bad"), words);
    fault.hidden = !words;
    input.setAttribute("aria-invalid", String(Boolean(words)));
    input.setAttribute("aria-describedby", [words ? `${id}-err` : "", hint ? `${id}-hint` : ""].join(" ").trim());
    if (words) input.focus();
    return !words;
  };
  return { box, input, tell };
};

export const say = (text) => {
  document.getElementById("announce").textContent = text;
};
