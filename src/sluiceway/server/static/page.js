// What every page does: keeps itself fresh, answers keys, tells times, copies identifiers.
import { startCopying } from "./copying.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { startRows } from "./rows.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";

startTimes();
startTheme();
startCopying();
startRows();
startPalette();
startLive();
document.documentElement.dataset.ready = "yes";
