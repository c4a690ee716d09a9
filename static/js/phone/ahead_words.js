/* What the phone says about pre-approvals: kinds, states, and each refusal with what to do. */

export const KINDS = {
  CASH: ["Cash", "from a cash machine"],
  GIFT: ["Gift certificate", "from a machine or a till"],
  LOTTERY: ["Lottery ticket", "from a machine or a till"],
};
export const STATES = {
  APPROVED: ["ok", "Ready to use"],
  IN_PROGRESS: ["info", "At the machine"],
  COMPLETED: ["neutral", "Done"],
  DECLINED: ["bad", "Declined"],
  EXPIRED: ["neutral", "Expired"],
  CANCELLED: ["neutral", "Cancelled"],
  REVERSED: ["neutral", "Nothing came out"],
  SUSPENSE: ["warn", "Being looked into"],
};

const UNKNOWN = ["That did not work", "Nothing is set aside. Try again."];
const REFUSALS = {
  app_serial_unknown: [
    "Set this phone up anew",
    "It was set up before it could prove who holds it. Forget it under This phone, and start again.",
  ],
  device_unknown: ["Not this phone", "The proof names another phone. Set this phone up anew."],
  app_serial_mismatch: [
    "Not the app that was set up",
    "This looks like a copy or a new installation. Set this phone up anew with a code.",
  ],
  verification_failed: ["That was not you", "The fingerprint was not recognised. After five in a row this phone locks."],
  device_locked: ["This phone is locked", "Too many wrong proofs. Ask the card's issuer to unlock it."],
  authentication_required: ["Prove again who you are", "A proof is good for one approval within 5 minutes."],
  kind_not_allowed: ["Not with this card", "The card's issuer does not offer this. Choose another card or kind."],
  valid_too_long: ["Good for too long", "The card's issuer allows less time. Choose a shorter one."],
  partial_not_allowed: ["Only the whole amount", "The card's issuer pays out the whole amount only."],
  pickup_code_required: ["A pickup code is needed", "Choose 4 digits that you type at the machine."],
  certificate_required: ["Card is not on this phone", "Put it on this phone first."],
  limit_exceeded: ["Above what the issuer allows", "Cancel one that is open, take less, or wait until tomorrow."],
  preapproval_in_progress: ["A machine has it", "It cannot be cancelled while a machine is paying it out."],
  preapproval_final: ["It has ended", "There is nothing to cancel any more."],
  merchant_suspended: ["Not there now", "This shop takes no payments now."],
  invalid: ["Something is missing", "Look at the fields once more."],
  unreachable: ["No answer yet", "This phone keeps the question and asks again: it is one approval."],
  signature_invalid: [
    "This phone is not known any more",
    "It was revoked, or the portal's data was reset. Set the phone up anew.",
  ],
};
const DECLINES = {
  card_blocked: ["Card is stopped", "Use another card, or ask the card's issuer."],
  insufficient_funds: ["Not enough money", "The card has less than this. Choose a smaller amount or another card."],
  limit_exceeded: ["Above the limit", "Today's limit does not allow this. Choose a smaller amount, or wait."],
  velocity: ["Too many at once", "The issuer lets this card be used only so often. Wait a while."],
  issuer_refused: ["The issuer says no", "Ask the card's issuer."],
};

const from = (table, code) => table[code] ?? [UNKNOWN[0], `${UNKNOWN[1]}${code ? ` (${code})` : ""}`];
export const refusedWords = (wrong) => from(REFUSALS, wrong.code ?? "unreachable");
export const declinedWords = (code) => from(DECLINES, code);
