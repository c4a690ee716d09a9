/* Ways to a bill: the camera, the number typed, a relay on the table. */
import { banner, busy, button, field, h, icon, linkButton } from "./dom.js";
import { readNumber } from "./numbers.js";
import * as relay from "./relay.js";
import { canScan, scanInto } from "./scan.js";
import { NUMBER_FAULTS, clock, saidOf } from "./words.js";

const numberIn = (text) => {
  const number = readNumber(text);
  return number.fault === "none" ? null : number;
};

const camera = (app, found) => {
  const video = h("video", { class: "phone-camera", playsinline: true, muted: true, "aria-label": "Camera" });
  const notice = h("div");
  const box = h("section", { class: "stack", "aria-label": "Scan" });
  const close = () => box.replaceChildren(start, notice);
  let left = false; // the screen, perhaps while the browser still asks whether the camera may be used
  let stop = () => {};
  app.onLeave(() => {
    left = true;
    stop();
  });
  const took = (number) => {
    close();
    found(number);
  };
  const open = async () => {
    notice.replaceChildren();
    box.replaceChildren(video, h("p", { class: "muted" }, "Hold the shop's QR code into the frame."));
    try {
      stop = await scanInto(video, numberIn, took);
      if (left) stop();
    } catch (wrong) {
      const words =
        wrong.name === "NotAllowedError"
          ? "Allow the camera for this page, or type the number."
          : "Type the number instead.";
      close();
      notice.replaceChildren(banner("warn", ["The camera cannot be used.", words]));
    }
  };
  const start = button("", open, icon("scan", 20), "Scan with the camera");
  box.append(start, notice);
  return box;
};

export const pay = async (app) => {
  const number = field({
    id: "tid",
    label: "Number on the shop's screen",
    hint: "Begins with T, 23 characters. Spaces do not matter.",
    maxlength: 64,
    class: "input mono",
  });
  const take = (read) => {
    if (number.tell(read.tid ? "" : NUMBER_FAULTS[read.fault])) app.pay({ tid: read.tid });
  };
  const send = (event) => {
    event.preventDefault();
    take(readNumber(number.input.value));
  };
  const form = h(
    "form",
    { class: "stack stack-5", novalidate: true, onsubmit: send },
    number.box,
    h("button", { class: "btn btn-primary btn-block", type: "submit" }, "Continue"),
  );
  const scanner = (await canScan())
    ? camera(app, take)
    : h("p", { class: "muted small" }, "This browser cannot read QR codes by itself, so the number is typed.");
  const body = [
    form,
    h(
      "div",
      { class: "stack stack-2" },
      scanner,
      linkButton("#relay", "", icon("relay", 20), "Fetch the bill from a relay"),
    ),
  ];
  return { title: "Pay", tab: "pay", body, focus: number.input };
};

const billRow = (bill, take) => {
  const choose = h(
    "button",
    { class: "btn btn-sm", type: "button", onclick: () => busy(choose, () => take(bill.slot)) },
    "Look at bill",
    h("span", { class: "sr" }, ` ${bill.order || bill.slot}`),
  );
  return h(
    "li",
    {},
    icon("statement", 20),
    h(
      "span",
      {},
      bill.order ? `Order ${bill.order}` : `Place ${bill.slot}`,
      h("span", { class: "sub" }, `${bill.slot}, good until ${clock(bill.expires_at)}`),
    ),
    choose,
  );
};

export const relayPage = async (app) => {
  const where = field({
    id: "relay",
    label: "Relay's address",
    hint: "A port of this machine, as ./paydesk relay printed it.",
    value: await relay.address(),
    placeholder: "http://127.0.0.1:9200",
    inputmode: "url",
  });
  const list = h("section", { "aria-live": "polite" });
  const fail = (wrong) => list.replaceChildren(banner("bad", saidOf(wrong)));
  const take = async (slot) => {
    try {
      app.pay(await relay.take(where.input.value, slot));
    } catch (wrong) {
      fail(wrong);
    }
  };
  const look = async () => {
    try {
      const bills = await relay.bills(where.input.value);
      list.replaceChildren(
        bills.length
          ? h(
              "ul",
              { class: "list" },
              bills.map((bill) => billRow(bill, take)),
            )
          : h("p", { class: "muted" }, "The relay answers and holds no bill. Ask the cashier to send yours there."),
      );
    } catch (wrong) {
      if (wrong.code === "address") {
        list.replaceChildren();
        where.tell(saidOf(wrong).join(". "));
      } else {
        where.tell("");
        fail(wrong);
      }
      return;
    }
    where.tell("");
  };
  const submit = h("button", { class: "btn btn-primary btn-block", type: "submit" }, "Show the bills");
  const form = h(
    "form",
    {
      class: "stack stack-5",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, look);
      },
    },
    where.box,
    submit,
  );
  if (where.input.value) busy(submit, look);
  return { title: "Relay", tab: "relay", body: [form, list], focus: where.input.value ? null : where.input };
};
