/* Deterministic CBOR (RFC 8949 §4.2.1), the part the protocol uses: unsigned integers, byte strings, text, arrays, maps
   with integer keys. Everything else, a longer form than need be, a key twice or out of order, is refused. */

const DEPTH_MAX = 8;
export class Malformed extends Error {}

export const decode = (data) => {
  const reader = new Reader(data);
  const value = reader.value(DEPTH_MAX);
  if (reader.at !== data.length) throw new Malformed("bytes follow");
  return value;
};

const compare = (one, other) => {
  for (let i = 0; i < Math.min(one.length, other.length); i += 1) if (one[i] !== other[i]) return one[i] - other[i];
  return one.length - other.length;
};

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  take(count) {
    if (this.at + count > this.data.length) throw new Malformed("ends early");
    const part = this.data.subarray(this.at, this.at + count);
    this.at += count;
    return part;
  }

  head() {
    const [first] = this.take(1);
    const small = first & 31;
    if (small < 24) return [first >> 5, small];
    if (small > 27) throw new Malformed("indefinite or reserved length");
    const width = 1 << (small - 24);
    const argument = this.take(width).reduce((sum, byte) => sum * 256 + byte, 0);
    if (argument < (width === 1 ? 24 : 2 ** (4 * width))) throw new Malformed("not in its shortest form");
    if (!Number.isSafeInteger(argument)) throw new Malformed("an integer beyond 2^53");
    return [first >> 5, argument];
  }

  value(depth) {
    if (depth === 0) throw new Malformed("nests too deep");
    const [major, argument] = this.head();
    switch (major) {
      case 0:
        return argument;
      case 2:
        return this.take(argument).slice();
      case 3:
        return this.text(argument);
      case 4:
        return this.array(argument, depth);
      case 5:
        return this.map(argument, depth);
      default:
        throw new Malformed("a type the protocol does not have");
    }
  }

  text(length) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(length));
    } catch (wrong) {
      throw wrong instanceof Malformed ? wrong : new Malformed("not UTF-8");
    }
  }

  array(count, depth) {
    const items = [];
    for (let i = 0; i < count; i += 1) items.push(this.value(depth - 1));
    return items;
  }

  map(count, depth) {
    const entries = new Map();
    let before = new Uint8Array();
    for (let i = 0; i < count; i += 1) {
      const start = this.at;
      const key = this.value(1);
      if (typeof key !== "number") throw new Malformed("a key that is no integer");
      const encoded = this.data.subarray(start, this.at);
      if (i && compare(before, encoded) >= 0) throw new Malformed("keys out of order or twice");
      before = encoded;
      entries.set(key, this.value(depth - 1));
    }
    return entries;
  }
}
