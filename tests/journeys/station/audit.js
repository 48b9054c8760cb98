// What a person with a screen reader, a keyboard, weak eyes or a thick finger would stumble over on this page.
() => {
  const problems = [];
  const say = (element, what) => problems.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);

  function nameOf(element) {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    const copy = element.cloneNode(true);
    for (const hidden of copy.querySelectorAll("[aria-hidden=true]")) hidden.remove();
    const alts = [...copy.querySelectorAll("img[alt]")].map((image) => image.alt).join(" ");
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
    return (element.getAttribute("aria-label") || labels || `${copy.textContent} ${alts}`).trim();
  }

  if (!document.documentElement.lang) problems.push("the page has no language");
  if (!document.title.trim()) problems.push("the page has no title");
  if (all("h1").length !== 1) problems.push(`the page has ${all("h1").length} first headings`);
  if (all("main").length !== 1) problems.push("the page has no main part");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1 && level) say(heading, "a level of headings is left out");
    level = next;
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) problems.push(`two elements are ${id}`);
  for (const image of all("img")) if (!image.hasAttribute("alt")) say(image, "a picture without words");
  for (const drawing of all("svg")) {
    const said = drawing.closest("[aria-hidden=true]") || (drawing.getAttribute("role") === "img" && drawing.getAttribute("aria-label"));
    if (!said) say(drawing, "a drawing without words");
  }
  const controls = "button, a[href], input:not([type=hidden]), select, textarea, [role=application], dialog[open], nav, progress";
  for (const control of all(controls)) if (!nameOf(control)) say(control, "a control without a name");
  for (const cell of all("thead th")) if (!cell.scope) say(cell, "a heading of no column");

  // A finger: 44 pixels, but for links in running text and what scripts of the browser draw inside a control.
  for (const control of all("button, .button, select, nav a, input:not([type=hidden], [type=checkbox], [type=radio])")) {
    const { width, height } = control.getBoundingClientRect();
    if (control.closest(".unseen")) continue;
    if (height < 43.5 || width < 43.5) say(control, `too small for a finger, ${Math.round(width)} x ${Math.round(height)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) {
    problems.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
  }

  // Contrast, computed by WCAG 2.2 from what the browser would draw.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }
  const over = (front, back) => [0, 1, 2].map((at) => front[at] * front[3] + back[at] * (1 - front[3])).concat(1);
  function ground(element) {
    if (!element) return rgba(getComputedStyle(document.documentElement).colorScheme === "dark" ? "#000" : "#fff");
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(element.parentElement));
  }
  function light(colour) {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function contrast(one, other) {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || seen.has(element) || !visible(element)) continue;
    seen.add(element);
    if (element.closest(":disabled, option, .unseen, title, script, style, noscript, .lost")) continue;
    const style = getComputedStyle(element);
    const back = element.closest("svg") ? ground(element.closest("svg").parentElement) : ground(element);
    const paint = element.closest("svg") ? style.fill : style.color;
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = contrast(over(rgba(paint), back), back);
    if (found < (large ? 3 : 4.5)) say(element, `contrast ${found.toFixed(2)}`);
  }
  for (const control of all("button, .button, select, input:not([type=range], [type=hidden])")) {
    const style = getComputedStyle(control);
    const edge = rgba(style.borderTopColor);
    if (control.disabled || edge[3] === 0 || style.borderTopStyle === "none") continue;
    const around = ground(control.parentElement);
    const found = Math.max(contrast(over(edge, around), around), contrast(ground(control), around));
    if (found < 3 && !control.classList.contains("verdict")) say(control, `edge contrast ${found.toFixed(2)}`);
  }
  return problems;
}
