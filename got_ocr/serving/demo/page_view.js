// What a page view does in the browser: shows the picture, lets a box be drawn on it, lays the lines that were read on
// it. Texts go into the document as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";
let box = null; // What is drawn, in px of the page: [x1, y1, x2, y2].
let start = null; // Where a box that is being drawn begins.

function make(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function place(rectangle, corners) {
  const [x1, y1, x2, y2] = corners;
  const sizes = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  for (const [key, value] of Object.entries(sizes)) rectangle.setAttribute(key, value);
}

function draw() {
  const stage = element.querySelector(".page-stage");
  const page = props.value;
  stage.replaceChildren();
  stage.classList.toggle("is-empty", !page);
  if (!page) {
    box = null;
    stage.textContent = "Upload a picture or a PDF, or paste one with Ctrl-V";
    return;
  }
  box = page.box;
  const picture = document.createElement("img");
  picture.src = page.picture;
  picture.alt = "the page";
  picture.draggable = false;
  const layer = make("svg", { viewBox: `0 0 ${page.width} ${page.height}`, preserveAspectRatio: "none" });
  for (const line of page.lines) {
    const rectangle = make("rect", { class: line.is_doubtful ? "line is-doubtful" : "line" });
    place(rectangle, line.box);
    const title = make("title", {});
    title.textContent = `${line.text}  (${line.certainty.toFixed(2)})`;
    rectangle.append(title);
    layer.append(rectangle);
  }
  const drawn = make("rect", { class: "box" });
  if (box) place(drawn, box);
  layer.append(drawn);
  stage.append(picture, layer);
}

function position(event) {
  const page = props.value;
  const shown = element.querySelector("svg").getBoundingClientRect();
  const limit = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  return [
    limit(((event.clientX - shown.left) / shown.width) * page.width, page.width),
    limit(((event.clientY - shown.top) / shown.height) * page.height, page.height),
  ];
}

function corners(from, to) {
  return [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
}

element.addEventListener("pointerdown", (event) => {
  if (!props.value || event.button !== 0 || !event.target.closest("svg")) return;
  event.preventDefault();
  start = position(event);
});

window.addEventListener("pointermove", (event) => {
  const rectangle = element.querySelector("rect.box");
  if (start && rectangle) place(rectangle, corners(start, position(event)));
});

window.addEventListener("pointerup", (event) => {
  if (!start || !props.value) return;
  const found = corners(start, position(event));
  const least = props.value.least_box;
  start = null;
  box = found[2] - found[0] < least || found[3] - found[1] < least ? null : found;
  place(element.querySelector("rect.box"), box || [0, 0, 0, 0]);
  trigger("select", { box: box });
});

watch("value", draw);
draw();
