
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const controls = byId("controls");
  if (!controls) return;
  const main = byId("findings");
  const cards = Array.from(main.querySelectorAll("article"));
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const read = (id) => byId(id).value;
  const fits = (card, at) => {
    const words = read("filter").toLowerCase().split(/\s+/).filter(Boolean);
    return (read("severity") === "" || card.dataset.severity === read("severity"))
      && (read("lifetime") === "" || card.dataset.lifetime === read("lifetime"))
      && (byId("accepted").checked || !card.classList.contains("accepted"))
      && words.every((word) => texts[at].includes(word));
  };
  const show = () => {
    const shown = cards.filter(fits);
    const by = read("group");
    const groups = new Map();
    for (const card of shown) {
      const name = by === "" ? "" : card.dataset[by];
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(card);
    }
    const parts = [];
    for (const [name, members] of groups) {
      if (by !== "") {
        const title = document.createElement("h2");
        title.textContent = name + " (" + members.length + ")";
        parts.push(title);
      }
      parts.push(...members);
    }
    main.replaceChildren(...parts);
    byId("nothing").hidden = shown.length > 0;
    byId("count").textContent = shown.length + " of " + cards.length;
  };
  controls.addEventListener("input", show);
  controls.addEventListener("submit", (event) => event.preventDefault());
  byId("print").addEventListener("click", () => window.print());
  controls.hidden = false;
  show();
})();
