/* What the phone keeps, in IndexedDB: keys that cannot be read out, and its state. A promise settles once the
   transaction is on the disk (durability "strict"). */

const NAME = "paydesk-phone",
  TABLE = "phone";

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let opening;
const database = () =>
  (opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }));

/* Runs act(table) in one transaction and returns its result once that is on the disk. */
const written = async (act) => {
  const transaction = (await database()).transaction(TABLE, "readwrite", { durability: "strict" });
  return new Promise((resolve, reject) => {
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    act(transaction.objectStore(TABLE), (value) => {
      result = value;
    });
  });
};

export const read = async (name) => settled((await database()).transaction(TABLE).objectStore(TABLE).get(name));

export const write = (name, value) => written((table) => table.put(value, name));

export const remove = (name) => written((table) => table.delete(name));

export const clear = () => written((table) => table.clear());

/* Reads, changes and writes a value; nobody else, another tab of this phone included, gets in between. */
export const change = (name, next) =>
  written((table, tell) => {
    const asked = table.get(name);
    asked.onsuccess = () => {
      const value = next(asked.result);
      table.put(value, name);
      tell(value);
    };
  });
