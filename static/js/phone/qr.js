/* QR codes (ISO/IEC 18004) for the numbers a customer shows: alphanumeric mode, level M, versions 1 to 3, one block each.
   That is enough for every number of the protocol, and nothing is drawn that is not meant to be scanned. */

const SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
// version: [bytes of data, bytes of error correction, centre of the one alignment pattern]
const VERSIONS = [
  [16, 10, 0],
  [28, 16, 18],
  [44, 26, 22],
];
const MODE_ALPHANUMERIC = 0b0010;
const COUNT_BITS = 9; // of characters, in versions 1 to 9
const LEVEL_M = 0b00;
const FORMAT_GENERATOR = 0x537;
const FORMAT_MASK = 0x5412;
const MASKS = [
  (r, c) => (r + c) % 2,
  (r) => r % 2,
  (_r, c) => c % 3,
  (r, c) => (r + c) % 3,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2,
  (r, c) => ((r * c) % 2) + ((r * c) % 3),
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2,
];

/* GF(256) by 285: powers of 2 and their logarithms. */
const POWERS = [1];
for (let n = 1; n < 255; n += 1) POWERS.push(POWERS[n - 1] < 128 ? POWERS[n - 1] * 2 : (POWERS[n - 1] * 2) ^ 285);
const LOGS = new Map(POWERS.map((power, log) => [power, log]));
const times = (a, b) => (a && b ? POWERS[(LOGS.get(a) + LOGS.get(b)) % 255] : 0);

const generator = (degree) => {
  let made = [1];
  for (let n = 0; n < degree; n += 1) {
    const next = [...made, 0];
    made.forEach((factor, i) => {
      next[i + 1] ^= times(factor, POWERS[n]);
    });
    made = next;
  }
  return made;
};

const correction = (data, count) => {
  const divisor = generator(count);
  const rest = [...data, ...new Array(count).fill(0)];
  for (let i = 0; i < data.length; i += 1) {
    const lead = rest[i];
    divisor.forEach((factor, j) => {
      rest[i + j] ^= times(factor, lead);
    });
  }
  return rest.slice(data.length);
};

const bitsOf = (number, width) => [...number.toString(2).padStart(width, "0")].map(Number);

const dataOf = (text, size) => {
  const bits = [...bitsOf(MODE_ALPHANUMERIC, 4), ...bitsOf(text.length, COUNT_BITS)];
  for (let i = 0; i < text.length; i += 2) {
    const [one, other] = [SIGNS.indexOf(text[i]), SIGNS.indexOf(text[i + 1] ?? " ")];
    bits.push(...(i + 1 < text.length ? bitsOf(one * 45 + other, 11) : bitsOf(one, 6)));
  }
  if (bits.length > size * 8) return null;
  bits.push(...new Array(Math.min(4, size * 8 - bits.length)).fill(0));
  bits.push(...new Array((8 - (bits.length % 8)) % 8).fill(0));
  const bytes = [];
  for (let i = 0; i < bits.length; i += 8) bytes.push(Number.parseInt(bits.slice(i, i + 8).join(""), 2));
  for (let i = 0; bytes.length < size; i += 1) bytes.push(i % 2 ? 0x11 : 0xec);
  return bytes;
};

/* The part that every code of a size has; undefined where data goes. */
const frame = (side, centre) => {
  const grid = Array.from({ length: side }, () => new Array(side));
  const put = (r, c, dark) => {
    if (grid[r] && c >= 0 && c < side) grid[r][c] = dark ? 1 : 0;
  };
  for (const [top, left] of [
    [0, 0],
    [0, side - 7],
    [side - 7, 0],
  ])
    for (let r = -1; r < 8; r += 1)
      for (let c = -1; c < 8; c += 1) {
        const ring = Math.max(Math.abs(r - 3), Math.abs(c - 3));
        put(top + r, left + c, ring !== 2 && ring < 4);
      }
  if (centre)
    for (let r = -2; r < 3; r += 1)
      for (let c = -2; c < 3; c += 1) put(centre + r, centre + c, Math.max(Math.abs(r), Math.abs(c)) !== 1);
  for (let n = 8; n < side - 8; n += 1) {
    put(6, n, n % 2 === 0);
    put(n, 6, n % 2 === 0);
  }
  formatPlaces(side).flat().forEach(([r, c]) => put(r, c, 0));
  put(side - 8, 8, 1);
  return grid;
};

/* Where the 15 bits of the format stand, each twice. */
const formatPlaces = (side) =>
  Array.from({ length: 15 }, (_, n) => [
    n < 8 ? [8, n < 6 ? n : n + 1] : [n < 9 ? 7 : 14 - n, 8],
    n < 7 ? [side - 1 - n, 8] : [8, side - 15 + n],
  ]);

const formatBits = (mask) => {
  const data = (LEVEL_M << 3) | mask;
  let rest = data << 10;
  for (let n = 14; n > 9; n -= 1) if ((rest >> n) & 1) rest ^= FORMAT_GENERATOR << (n - 10);
  return bitsOf(((data << 10) | rest) ^ FORMAT_MASK, 15);
};

/* Data goes up and down in columns of two, from the right; the column of the timing pattern is passed over. */
const places = (side) => {
  const found = [];
  for (let right = side - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up)
    for (let n = 0; n < side; n += 1) {
      const row = up ? side - 1 - n : n;
      found.push([row, right], [row, right - 1]);
    }
  return found;
};

const drawn = (base, bits, mask) => {
  const side = base.length;
  const grid = base.map((row) => [...row]);
  let next = 0;
  for (const [r, c] of places(side))
    if (grid[r][c] === undefined) grid[r][c] = (bits[next++] ?? 0) ^ (MASKS[mask](r, c) === 0 ? 1 : 0);
  formatBits(mask).forEach((bit, n) => {
    for (const [r, c] of formatPlaces(side)[n]) grid[r][c] = bit;
  });
  return grid;
};

/* How hard a code is to read: long runs, blocks, what looks like a finder, too dark or too light (§7.8.3). */
const penalty = (grid) => {
  const columns = grid.map((_, c) => grid.map((row) => row[c]));
  const lines = [...grid, ...columns].map((line) => line.join(""));
  let sum = 0;
  for (const line of lines) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
    for (const like of ["10111010000", "00001011101"])
      for (let at = line.indexOf(like); at >= 0; at = line.indexOf(like, at + 1)) sum += 40;
  }
  for (let r = 1; r < grid.length; r += 1)
    for (let c = 1; c < grid.length; c += 1)
      if (grid[r][c] === grid[r - 1][c] && grid[r][c] === grid[r][c - 1] && grid[r][c] === grid[r - 1][c - 1]) sum += 3;
  const dark = grid.flat().filter(Boolean).length / grid.length ** 2;
  return sum + 10 * Math.floor(Math.abs(dark * 100 - 50) / 5);
};

/* Rows of 0 and 1 (dark). Digits, capitals and " $%*+-./:" alone; mask: for comparison, the best one otherwise. */
export const modules = (text, mask) => {
  if ([...text].some((sign) => !SIGNS.includes(sign))) throw new RangeError("a character QR codes here do not have");
  for (const [version, [size, count, centre]] of VERSIONS.entries()) {
    const data = dataOf(text, size);
    if (!data) continue;
    const base = frame(21 + 4 * version, centre);
    const bits = [...data, ...correction(data, count)].flatMap((byte) => bitsOf(byte, 8));
    if (mask !== undefined) return drawn(base, bits, mask);
    const all = MASKS.map((_, n) => drawn(base, bits, n));
    const worst = all.map(penalty);
    return all[worst.indexOf(Math.min(...worst))];
  }
  throw new RangeError("too long");
};

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4;

/* The code as an SVG with its quiet zone; label: what a screen reader says. */
export const picture = (text, label) => {
  const rows = modules(text);
  const whole = rows.length + 2 * QUIET;
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const dark = rows.flatMap((row, r) => row.map((bit, c) => (bit ? `M${c + QUIET} ${r + QUIET}h1v1h-1z` : "")));
  path.setAttribute("d", dark.join(""));
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${whole} ${whole}`, role: "img", "aria-label": label }))
    svg.setAttribute(name, value);
  svg.append(path);
  return svg;
};
