// The link's secret half stands in the fragment. It leaves the address bar before anything else is
// loaded: nothing is imported here, so nothing runs earlier.

const link = location.href;
history.replaceState(null, "", location.pathname + location.search);
void import("./page.js").then(({ begin }) => begin(link));

// The link once more in the same window changes the fragment alone, and loads nothing.
addEventListener("hashchange", () => location.reload());

export {};
