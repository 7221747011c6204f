// Moments: relative, in step with the clock, and the exact one in the reader's zone on hover.
const exact = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, timeZoneName: "short",
});
const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];

export function relative(then, now) {
  const seconds = Math.abs(now - then) / 1000;
  for (const [size, unit] of units) {
    if (seconds >= size) {
      const text = Math.floor(seconds / size) + unit;
      return then <= now ? text + " ago" : "in " + text;
    }
  }
  return "now";
}

// The same texts as the server's.
export function duration(seconds) {
  if (seconds < 60) return (seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)) + " s";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tellTimes() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const then = new Date(element.dateTime);
    if (element.dataset.told !== element.dateTime) {
      element.dataset.told = element.dateTime;
      element.title = exact.format(then);
    }
    if (element.dataset.as === "exact") put(element, exact.format(then));
    else put(element, relative(then.getTime(), now));
  }
  for (const element of document.querySelectorAll(".elapsed[data-since]")) {
    put(element, duration(Math.max(0, now - Date.parse(element.dataset.since)) / 1000));
  }
}

export function startTimes() {
  tellTimes();
  setInterval(() => document.hidden || tellTimes(), 1000);
}
