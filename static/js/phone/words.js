/* What the phone says: money, times, and what went wrong with what to do about it. */

const LOCALE = "en";

/* amount in minor units; exact, whatever its size */
export const money = (amount, currency) => {
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits;
  const bare = String(Math.abs(amount)).padStart(digits + 1, "0");
  const exact = digits ? `${bare.slice(0, -digits)}.${bare.slice(-digits)}` : bare;
  return (amount < 0 ? "\u2212" : "") + format.format(exact);
};

/* How many digits stand after the point: KRW 0, USD 2, KWD 3. */
export const digitsOf = (currency) =>
  new Intl.NumberFormat(LOCALE, { style: "currency", currency }).resolvedOptions().maximumFractionDigits;

export const clock = (text) =>
  new Date(text).toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const day = (text) => {
  const at = new Date(text);
  const today = new Date();
  if (at.toDateString() === today.toDateString()) return `Today, ${clock(text)}`;
  const year = at.getFullYear() === today.getFullYear() ? undefined : "numeric";
  return `${at.toLocaleDateString(LOCALE, { day: "numeric", month: "short", year })}, ${clock(text)}`;
};
export const left = (ms) => {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return s >= 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s} s`;
};

export const CARD_STATES = {
  ACTIVE: ["ok", "Current"],
  FROZEN: ["info", "Frozen by you"],
  BLOCKED: ["bad", "Blocked"],
  CLOSED: ["neutral", "Closed"],
};
export const PAYMENT_STATES = {
  APPROVED: ["ok", "Paid"],
  DECLINED: ["bad", "Declined"],
  REVERSED: ["neutral", "Reversed, not charged"],
  CANCELLED: ["neutral", "Cancelled"],
  EXPIRED: ["neutral", "Expired"],
  APPROVING: ["info", "Checking"],
};

/* What a typed number is, when it is not one to pay: sentence and what to do. */
export const NUMBER_FAULTS = {
  empty: "Type the number on the shop's screen.",
  check: "A character is mistyped. Compare it with the shop's screen once more.",
  till: "This is a number for the shop to type, not for you to pay.",
  approval: "This is a pre-approval number. The shop or the cash machine takes it.",
  receipt: "This is the approval code of a receipt. The number to pay begins with T.",
  none: "This is not a number to pay. It begins with T and has 23 characters.",
};

/* Why no money moved: [heading, what it means and what to do]. */
const DECLINES = {
  customer_declined: ["You declined", "The shop was told that you do not pay this. Nothing was charged."],
  card_blocked: ["Card is stopped", "This card cannot pay. Use another card, or ask the card's issuer."],
  insufficient_funds: ["Not enough money", "The card has less than this bill. Pay with another card or another way."],
  limit_exceeded: [
    "Above the card's limit",
    "The card's issuer allows less than this. Pay with another card or another way.",
  ],
  velocity: ["Too many payments", "The issuer lets this card pay only so often. Wait a while, or use another card."],
  issuer_refused: [
    "The issuer says no",
    "The card's issuer did not approve this. Pay another way, or ask the issuer.",
  ],
};
const ENDS = {
  EXPIRED: ["Too late", "The shop's request has expired. Ask for a new number. Nothing was charged."],
  CANCELLED: ["The shop cancelled", "The shop took its request back. Nothing was charged."],
  APPROVED: ["Paid already", "This was paid, not by this act of yours. Look at your receipts, and ask the shop."],
  DECLINED: ["Ended", "This request was declined before. Ask the shop for a new number."],
  REVERSED: ["Reversed", "The shop took the whole payment back. Nothing is charged."],
};
const REFUSALS = {
  tid_unknown: [
    "Not known yet",
    "No shop has asked under this number. Compare it with the shop's screen, then try again.",
  ],
  tid_malformed: ["Not a number to pay", "Compare it with the shop's screen once more."],
  tid_claimed: [
    "Another phone is paying",
    "Somebody holds this bill. Once they give it back, or after 45 seconds, you can take it.",
  ],
  tid_not_claimed: ["Held too long", "This phone's hold on the bill had ended. Look at it again."],
  payment_changed: [
    "The bill has changed",
    "What the shop asks is not what was shown. Look at it again before you pay.",
  ],
  pin_code_invalid: ["Wrong PIN", "Nothing was paid. Try again; the fifth wrong PIN in a row locks this phone."],
  device_locked: [
    "This phone is locked",
    "Five wrong PINs locked it, and nothing was paid. Ask the card's issuer to unlock it, or set the phone up anew.",
  ],
  counter_used: [
    "Please type the PIN again",
    "This phone and the portal had lost count of each other. Nothing was paid.",
  ],
  counter_ahead: [
    "Please type the PIN again",
    "This phone and the portal had lost count of each other. Nothing was paid.",
  ],
  certificate_required: ["Card is not on this phone", "Put it on this phone first, then pay."],
  certificate_refused: [
    "The issuer said no",
    "Staff of the issuer did not agree to this card on this phone. Ask them why.",
  ],
  authentication_required: [
    "Proof needed",
    "The issuer asks for a proof of who you are, which this demo phone cannot give. Use another card.",
  ],
  too_many_certificates: ["Too many tries", "This card was put on this phone too often. Wait an hour."],
  too_many_freezes: ["Too many tries", "This card was frozen too often. Wait an hour."],
  bill_differs: [
    "The bill was altered",
    "Relay and portal say different things, so nothing was paid. Show this to the cashier.",
  ],
  bill_malformed: ["Not a proper bill", "What the relay gave is no bill of this system. Show this to the cashier."],
  bill_required: [
    "The relay's bill is missing",
    "This request can be paid only through the shop's relay. Fetch it there.",
  ],
  bill_altered: [
    "The bill was altered",
    "It is not the one the shop registered, so nothing was paid. Ask the cashier for a new one.",
  ],
  bill_foreign: ["Another shop's bill", "The bill or its relay is another shop's. Ask the cashier."],
  bill_voided: ["A newer bill is there", "The shop has replaced this bill. Fetch the new one from the relay."],
  bill_expired: ["The bill has expired", "Ask the cashier for a new one."],
  merchant_suspended: ["This shop takes no payments now", "Nothing was paid. Ask at the shop."],
  terminal_revoked: ["This till is out of service", "Nothing was paid. Ask for a new number at another till."],
  relay_revoked: ["This relay is out of service", "Ask the cashier for a number to type."],
  relay_unpaired: ["This relay is not the shop's", "Ask the cashier for a number to type."],
  enrolment_code_invalid: [
    "The code does not fit",
    "It is good once and for 15 minutes. Compare it, or ask for a new one.",
  ],
  enrolment_locked: ["Too many wrong codes", "Wait a minute, then try again."],
  signature_invalid: [
    "This phone is not known any more",
    "It was revoked, or the portal's data was reset. Set the phone up anew.",
  ],
  customer_failed: [
    "No customer could be made",
    "The demo's data may be missing, or this page is old. Load it again.",
  ],
  address: [
    "Not an address here",
    "Type the relay's port or address on this machine, such as http://127.0.0.1:9200.",
  ],
  no_relay: [
    "No relay answers",
    "Look whether it runs and the address is right. It answers this page only at the address it was given as --portal.",
  ],
  quote_changed: [
    "Benefits are worth less now",
    "Nothing was paid. Use your benefits anew, or pay without them.",
  ],
  tsn_expired: ["The plan's time is over", "Nothing was paid. Use your benefits anew, or pay without them."],
  tsn_cancelled: ["A newer plan replaced this one", "Nothing was paid. Use your benefits anew, or pay without them."],
  tsn_used: ["The plan is at a till", "Nothing was paid. Use your benefits anew, or pay without them."],
  benefit_unavailable: ["A benefit is gone", "It was used, or has ended, meanwhile. Look at your benefits again."],
  gone: ["The bill is gone", "It was paid, replaced or has expired. Look at the list again."],
  unreachable: ["No connection", "The portal did not answer, and nothing was paid. Try again."],
};
const UNKNOWN = ["That did not work", "Nothing was paid. Try again, or ask the shop for a new number."];

const from = (table, code) => table[code] ?? [UNKNOWN[0], `${UNKNOWN[1]}${code ? ` (${code})` : ""}`];
export const declined = (code) => from(DECLINES, code);
export const ended = (state) => from(ENDS, state);
export const refused = (code) => from(REFUSALS, code);
/* Of whatever was thrown by wallet.js or relay.js. */
export const saidOf = (wrong) => refused(wrong.code ?? "unreachable");
