// The link's token stands in the fragment. It leaves the address bar before anything else is loaded:
// nothing is imported here, so nothing runs earlier.

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname + location.search);
void import("./page.js").then(({ begin }) => begin(token));

// The link once more in the same window changes the fragment alone, and loads nothing.
addEventListener("hashchange", () => location.reload());

export {};
