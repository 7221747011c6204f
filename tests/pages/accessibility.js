// What keeps people from using a page: names that are missing, order that is broken, text that is too faint.
// Returns a list of sentences.
() => {
  const found = [];
  const tell = (what, element) => found.push(`${what}: ${(element?.outerHTML ?? "").slice(0, 160)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const isHidden = (element) => element.closest("[aria-hidden=true]") !== null;

  // --- the page as a whole
  if (!document.documentElement.lang) tell("no language", document.documentElement);
  if (!document.title.trim()) tell("no title", document.head);
  if (all("main").length !== 1) tell("not one main part", document.body);
  const heads = all("h1, h2, h3, h4").filter(isShown);
  if (heads.filter((head) => head.nodeName === "H1").length !== 1) tell("not one h1", document.body);
  let level = 0;
  for (const head of heads) {
    const own = Number(head.nodeName[1]);
    if (own > level + 1) tell(`a heading of level ${own} after one of level ${level}`, head);
    level = own;
  }
  const ids = new Map();
  for (const element of all("[id]")) ids.set(element.id, (ids.get(element.id) ?? 0) + 1);
  for (const [id, count] of ids) if (count > 1) found.push(`${count} elements have the id ${id}`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\s+/)) if (!ids.has(id)) tell(`${attribute} leads nowhere`, element);
    }
  }
  const landmarks = new Set();
  for (const element of all("nav, [role=search]").filter(isShown)) {
    const name = `${element.nodeName} ${nameOf(element, false)}`;
    if (landmarks.has(name)) tell("two landmarks with the same name", element);
    landmarks.add(name);
  }

  // --- names
  function nameOf(element, withText = true) {
    const refs = (element.getAttribute("aria-labelledby") ?? "").split(/\s+/).filter(Boolean);
    const label = refs.map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    const labels = [...(element.labels ?? [])].map((each) => each.textContent).join(" ").trim();
    const text = withText ? element.textContent.trim() : "";
    return label || element.getAttribute("aria-label")?.trim() || labels || text || element.getAttribute("title")?.trim() || "";
  }
  const fields = "input:not([type=hidden]), select, textarea, progress";
  for (const element of all(`a[href], button, summary, [role=button], ${fields}`)) {
    if (isShown(element) && !isHidden(element) && !nameOf(element, !element.matches(fields))) tell("no name", element);
  }
  for (const element of all("a[href] a[href], button button, a[href] button, button a[href]")) tell("nested controls", element);
  for (const element of all("svg, img")) {
    if (!isShown(element) || isHidden(element)) continue;
    if (!(element.getAttribute("aria-label") || element.getAttribute("alt") || element.getAttribute("aria-labelledby"))) tell("a picture without a name", element);
  }
  for (const table of all("table").filter(isShown)) {
    if (!table.querySelector("th")) tell("a table without headings", table);
    for (const head of table.querySelectorAll("thead th")) {
      if (!head.textContent.trim() && !head.querySelector("[aria-label]")) tell("an empty heading of a column", head);
    }
  }
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) tell("an order of its own for tabs", element);

  // --- contrast
  const parse = (text) => {
    const numbers = text.match(/-?[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [0, 0, 0, 0];
    const scale = text.startsWith("color(srgb") ? 255 : 1;
    return [...numbers.slice(0, 3).map((number) => number * scale), numbers[3] ?? 1];
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(element) || !isShown(element)) continue;
    seen.add(element);
    if (element.closest("svg, script, style, option, :disabled, [aria-disabled=true], .unseen, .unseen-head, .skip")) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const [light, dark] = [luminance(over(parse(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) tell(`contrast of ${ratio.toFixed(2)}`, element);
  }
  return [...new Set(found)];
}
