"use strict";

/* Redoc draws its maker's logo from the maker's server. Pages of the portal ask nothing of a third
   party, so an image from another origin gets no address, whichever way it is given one. */
(() => {
  const isOurs = (address) => {
    const url = new URL(address, location.href);
    return url.origin === location.origin || url.protocol === "data:";
  };
  const image = HTMLImageElement.prototype;
  const source = Object.getOwnPropertyDescriptor(image, "src");
  Object.defineProperty(image, "src", {
    ...source,
    set(address) {
      if (isOurs(address)) {
        source.set.call(this, address);
      }
    },
  });
  image.setAttribute = function (name, value) {
    if (name !== "src" || isOurs(value)) {
      Element.prototype.setAttribute.call(this, name, value);
    }
  };
})();
