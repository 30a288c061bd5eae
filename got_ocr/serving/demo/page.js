() => {
  // A picture that is pasted anywhere on the page goes where uploads go.
  const find = () => document.querySelector("#upload input[type=file]");
  const put = (files, tries) => {
    const input = find();
    if (input) {
      input.files = files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (tries > 0) {
      requestAnimationFrame(() => put(files, tries - 1));
    }
  };
  document.addEventListener("paste", (event) => {
    const pasted = event.clipboardData && event.clipboardData.files;
    if (!pasted || pasted.length === 0) return;
    event.preventDefault();
    const files = new DataTransfer();
    files.items.add(pasted[0]);
    const remove = document.querySelector("#upload button[aria-label=Clear], #upload button[aria-label='Remove this file']");
    if (!find() && remove) remove.click();
    put(files.files, 120);
  });
}
