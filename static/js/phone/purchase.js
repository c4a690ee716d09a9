/* One payment by T-ID from the customer's side (protocol §4.1). What is shown is what the portal confirmed at the claim,
   never a relay's or a till's word; what is approved is what was shown. Each act is on the disk before it is sent, and
   goes out again with the same bytes under the same key until its end is told, over a reload too: it is one payment.

   step: looking, waiting (for the till), open (the customer decides), checking (an act is on its way), paid, declined,
   released, ended (otherwise; reason is the state), refused (reason is the code). */
import { toB64url } from "./bytes.js";
import { isSame, readBill } from "./bill.js";
import * as pin from "./pin.js";
import { forBill } from "./plans.js";
import * as store from "./store.js";
import { Refused, Unreachable, enrolled, newIdempotencyKey, now, post, tokenOf } from "./wallet.js";

const PURCHASE = "purchase";
const HOLD_MS = 10_000; // for a request that the till is just sending
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const AGAIN_MS = 1_000;
const UNDECIDED = new Set([401, 408, 425, 429]);
const BY_STATE = { APPROVED: "paid", DECLINED: "declined" };
// The plan beside the bill is not good any more, or its benefits are worth less: it is made anew or left out.
const PLAN_CODES = new Set(["tsn_expired", "tsn_cancelled", "tsn_used", "quote_changed", "not_found"]);
const COUNTER_CODES = new Set(["counter_used", "counter_ahead"]);
export const IN_THE_MIDDLE = new Set(["looking", "waiting", "open", "checking"]);
const FOLLOWS = new Set(["looking", "waiting", "checking"]);

const wait = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

export const kept = () => store.read(PURCHASE);
export const forget = () => store.remove(PURCHASE);

export class Purchase {
  #driving = null;
  #gone = false;

  /* state: as kept; onChange is called with each state that is to be shown */
  constructor(state, onChange) {
    this.state = state;
    this.onChange = onChange;
  }

  /* A new one; bill: the bytes a relay gave, where it came from one. */
  static begun({ tid, bill = null, onChange }) {
    const purchase = new Purchase(
      { tid, bill, claimed: null, reason: "", code: "", counter: 0, card: "", tries: 0 },
      onChange,
    );
    purchase.#begin("claim");
    return purchase;
  }

  /* Goes on with what is due; what is shown to the customer is asked anew, for it may be over. */
  async go() {
    if (this.state.step === "open") this.#begin("claim");
    await this.#drive();
  }

  /* The page shows something else now: nothing is redrawn any more. */
  leave() {
    this.#gone = true;
  }

  /* Pays what is shown. A counter that does not fit, or a claim that lapsed, is put right without asking for the PIN
     again, as long as what is to be paid stays the same. */
  async approve(card, typed) {
    const { secret } = await enrolled();
    const shown = this.state.claimed;
    for (let tries = 0; tries < 3; tries += 1) {
      const made = await pin.nextCode({ secret, pin: typed, subject: this.state.tid, card: tokenOf(card) });
      const { merchant, amount, currency } = shown;
      const body = { card, merchant: merchant.id, amount, currency, counter: made.counter, pin_code: made.code };
      const { plan } = this.state;
      if (plan) Object.assign(body, { plan: plan.plan, max_remainder: amount - plan.savings });
      if (this.state.bill) body.bill = toB64url(this.state.bill);
      Object.assign(this.state, { counter: made.counter, card });
      this.#begin("approve", body);
      await this.#drive();
      if (this.state.step !== "open" || !(await this.#isMended(shown))) return;
    }
  }

  /* Plans with the best of the customer's benefits for this bill; without any that counts, says so. */
  async useBenefits(card) {
    const { merchant, amount, currency } = this.state.claimed;
    const plan = await forBill({ card, merchant: merchant.id, amount, currency });
    Object.assign(this.state, { plan: plan.savings ? plan : null, planned: true, card });
    await this.#settle("open");
    await this.#tell();
  }

  async leaveBenefits() {
    Object.assign(this.state, { plan: null, planned: false });
    await this.#settle("open");
    await this.#tell();
  }

  release() {
    this.#begin("release");
    return this.#drive();
  }

  decline() {
    this.#begin("decline");
    return this.#drive();
  }

  async #isMended(shown) {
    const { reason, counter, claimed } = this.state;
    if (COUNTER_CODES.has(reason)) {
      await (reason === "counter_used" ? pin.behind(counter) : pin.ahead());
      return true;
    }
    if (reason !== "tid_not_claimed") return false;
    if (
      ["amount", "currency", "order"].every((name) => claimed[name] === shown[name]) &&
      claimed.merchant.id === shown.merchant.id
    )
      return true;
    await this.#settle("open", "payment_changed");
    return false;
  }

  #begin(act, body = null) {
    const step = act === "claim" ? "looking" : "checking";
    const call = { act, path: `/wallet/payments/${this.state.tid}/${act}`, body, key: newIdempotencyKey() };
    Object.assign(this.state, { step, call, reason: "", tries: 0, began: now() });
  }

  async #drive() {
    this.#driving ??= this.#follow().finally(() => {
      this.#driving = null;
    });
    await this.#driving;
  }

  async #follow() {
    while (this.state.call && FOLLOWS.has(this.state.step)) {
      await this.#tell();
      const { call } = this.state;
      try {
        await this.#took(call, await post(call.path, call.body, call.key));
      } catch (wrong) {
        if (wrong instanceof Refused) await this.#refused(call, wrong);
        else if (wrong instanceof Unreachable) await this.#unreachable(call);
        else throw wrong;
      }
    }
    await this.#tell();
  }

  async #tell() {
    await store.write(PURCHASE, this.state);
    if (!this.#gone) this.onChange(this.state);
  }

  async #settle(step, reason = "") {
    Object.assign(this.state, { step, reason, call: null });
    await store.write(PURCHASE, this.state);
  }

  async #took(call, told) {
    if (told.state === "APPROVING") return this.#lookAgain();
    if (call.act === "claim") return this.#tookClaim(told);
    if (call.act === "release") return this.#settle(this.state.differs ? "refused" : "released", this.state.differs);
    if (call.act === "approve") await pin.succeeded(this.state.counter);
    this.state.code = told.approval_code ?? "";
    Object.assign(this.state, { lines: told.lines ?? [], rest: told.remainder });
    return this.#end(told.state, told.decline_reason);
  }

  async #tookClaim(told) {
    const { bill, pending } = this.state;
    if (bill && !isSame(readBill(bill), told)) {
      this.state.differs = "bill_differs"; // whoever altered it: two hands describe it differently, nobody pays it
      this.#begin("release");
      return;
    }
    this.state.claimed = told;
    await this.#settle("open", pending ?? "");
    this.state.pending = undefined;
  }

  /* The issuer is still asked: the claim's answer tells when there is an end. */
  async #lookAgain() {
    this.#begin("claim");
    this.state.step = "checking";
    await wait(AGAIN_MS);
  }

  async #end(state, reason = "") {
    const step = BY_STATE[state] ?? "ended";
    await this.#settle(step, step === "ended" ? state : reason);
  }

  async #refused(call, { status, code, problem, retryAfterS }) {
    if (code === "tid_unknown" && call.act === "claim" && now() < this.state.began + HOLD_MS) {
      this.state.step = "waiting";
      if (!this.#gone) this.onChange(this.state);
      return wait(retryAfterS * 1000 || AGAIN_MS);
    }
    if (code === "payment_final") return this.#final(call, problem.state);
    if (code === "signature_invalid") return this.#settle("refused", code);
    if (UNDECIDED.has(status) || code === "idempotency_in_progress") return this.#unreachable(call);
    if (code === "payment_approving") return this.#lookAgain();
    if (call.act === "release" && this.state.differs) return this.#settle("refused", this.state.differs);
    if (code === "tid_not_claimed" && call.act === "release") return this.#settle("released");
    if (code === "tid_not_claimed") {
      this.#begin("claim");
      this.state.pending = call.act === "approve" ? code : "";
      return undefined;
    }
    if (PLAN_CODES.has(code)) Object.assign(this.state, { plan: null, planned: false });
    const stays = call.act === "approve" && !code.startsWith("bill_") && !code.startsWith("relay_");
    return this.#settle(stays ? "open" : "refused", code);
  }

  /* Only an approval of ours makes it ours: another phone may have paid. */
  #final(call, state) {
    const ours = call.act === "claim" && this.state.step === "checking";
    return ours ? this.#end(state) : this.#settle("ended", state ?? "payment_final");
  }

  /* The same call goes out again; before anything was approved, waiting has an end. */
  async #unreachable(call) {
    if (call.act === "claim" && !this.state.counter && now() >= this.state.began + HOLD_MS) {
      return this.#settle("refused", "unreachable");
    }
    this.state.tries += 1;
    if (!this.#gone) this.onChange(this.state);
    return wait(RETRY_MS[Math.min(this.state.tries, RETRY_MS.length) - 1]);
  }
}
