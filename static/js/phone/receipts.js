/* What was paid, and given back. */
import { paidBy } from "./benefit_words.js";
import { banner, h, icon, pill } from "./dom.js";
import { payments } from "./wallet.js";
import { PAYMENT_STATES, day, money, refused } from "./words.js";

const refundedOf = (payment) => payment.refunds.reduce((sum, refund) => sum + refund.amount, 0);

const stateOf = (payment) => {
  const back = refundedOf(payment);
  if (payment.state === "APPROVED" && back)
    return ["warn", back === payment.amount ? "Refunded" : "Refunded in part"];
  return PAYMENT_STATES[payment.state] ?? ["neutral", payment.state];
};

export const rowsOf = (paid) =>
  h(
    "ul",
    { class: "list" },
    paid.map((payment) => {
      const [tone, word] = stateOf(payment);
      return h(
        "li",
        { class: `is-${tone}` },
        icon(tone, 20),
        h(
          "span",
          {},
          h("a", { href: `#receipt/${payment.payment}` }, payment.merchant.name),
          h("span", { class: "sub" }, word),
        ),
        h(
          "span",
          { class: "amt" },
          money(payment.state === "APPROVED" ? -payment.amount : payment.amount, payment.currency),
          h("span", { class: "sub" }, day(payment.approved_at ?? payment.created_at)),
        ),
      );
    }),
  );

export const receipts = async () => {
  const paid = await payments();
  const body = paid.length
    ? rowsOf(paid)
    : h("div", { class: "empty" }, h("p", {}, "No receipts yet. What you pay shows here."));
  return { title: "Receipts", tab: "receipts", body: [body] };
};

export const receipt = async (_app, reference) => {
  const payment = (await payments()).find((one) => one.payment === reference);
  if (!payment)
    return { title: "Receipt", back: "#receipts", tab: "receipts", body: [banner("warn", refused("gone"))] };
  const back = refundedOf(payment);
  const worth = (amount) => money(amount, payment.currency);
  const rows = [
    ["Approval code", payment.approval_code],
    ["Time", day(payment.approved_at ?? payment.created_at)],
    ["T-ID", payment.tid],
    ["Receipt", payment.payment],
  ];
  const body = [
    h(
      "section",
      { class: "balance" },
      h("p", { class: "muted" }, [payment.merchant.name, payment.store].filter(Boolean).join(", ")),
      h("p", { class: "figure" }, worth(payment.amount)),
      h("p", {}, pill(stateOf(payment))),
    ),
    payment.lines.length ? paidBy(payment) : null,
    payment.refunds.length
      ? h(
          "dl",
          { class: "kv kv-money" },
          h("dt", {}, "Paid"),
          h("dd", {}, worth(payment.amount)),
          payment.refunds.map((refund) => [
            h(
              "dt",
              {},
              "Refund",
              h("span", { class: "hint" }, [refund.reason, day(refund.refunded_at)].filter(Boolean).join(", ")),
            ),
            h("dd", {}, worth(-refund.amount)),
          ]),
          h("dt", { class: "total" }, "Left of it"),
          h("dd", { class: "total" }, worth(payment.amount - back)),
        )
      : null,
    h(
      "dl",
      { class: "kv" },
      rows.filter(([, value]) => value).map(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]),
    ),
  ];
  return { title: "Receipt", back: "#receipts", tab: "receipts", body };
};
