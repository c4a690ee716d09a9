/* The numbers a customer may scan or type (protocol §2): a phone pays T-IDs, and names the others it is shown. */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TYPED_MAX = 128;
const OTHERS = [
  [/^(S1\..*|9[0-9]{15}([0-9]{10})?)$/, "till"],
  [/^(A1\..*|[1-8][0-9]{11})$/, "approval"],
  [/^O[0-9A-HJKMNP-TV-Z]{5}$/, "receipt"],
];

/* Luhn mod 32; the rightmost character of the payload has factor 2. */
export const checkCharacter = (payload) => {
  let sum = 0,
    factor = 2;
  for (const character of [...payload].reverse()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) throw new RangeError("not base32");
    const part = value * factor;
    sum += Math.floor(part / 32) + (part % 32);
    factor = 3 - factor;
  }
  return ALPHABET[(32 - (sum % 32)) % 32];
};

/* Typed: the first character tells the kind and stays; in the rest O is 0, I and L are 1, spaces and hyphens go. */
const tidy = (typed) => {
  const bare = typed.trim();
  const rest = bare.slice(1).toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1").replace(/[ -]/g, "");
  return bare.slice(0, 1).toUpperCase() + rest;
};

/* Returns {tid}, or {fault}: "empty", "check" (mistyped), "till", "approval" or "receipt" (another number), "none". */
export const readNumber = (text) => {
  const bare = text.trim();
  if (!bare) return { fault: "empty" };
  if (bare.length > TYPED_MAX || !/^[\x20-\x7e]+$/.test(bare)) return { fault: "none" };
  const scanned = /^T1\.(.*)$/.exec(bare);
  const candidate = scanned ? scanned[1] : bare.includes(".") ? bare : tidy(bare);
  if (/^T[0-9A-HJKMNP-TV-Z]{22}$/.test(candidate)) {
    return checkCharacter(candidate.slice(0, -1)) === candidate.at(-1) ? { tid: candidate } : { fault: "check" };
  }
  const other = scanned ? null : OTHERS.find(([form]) => form.test(candidate));
  return { fault: other ? other[1] : "none" };
};

export const inFours = (tid) => tid.match(/.{1,4}/g);
