// Small behaviours that hypermedia cannot do. Everything works from data attributes; no inline handlers.
(() => {
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const closest = (event, selector) =>
    event.target instanceof Element ? event.target.closest(selector) : null;

  // Unsaved changes: the save bar names the fields, leaving asks.
  const initial = new WeakMap();
  const snapshot = (form) => {
    const fields = new Map();
    for (const element of form.elements) {
      if (!element.name || element.type === "hidden" || element.type === "submit") continue;
      const key =
        element.name + (element.type === "checkbox" || element.type === "radio" ? `=${element.value}` : "");
      const value =
        element.type === "checkbox" || element.type === "radio" ? String(element.checked) : element.value;
      fields.set(key, { value, element });
    }
    return fields;
  };
  const labelOf = (element) => {
    const field = element.closest("[data-label]");
    return field ? field.dataset.label : "";
  };
  const changed = (form) => {
    const before = initial.get(form);
    if (!before) return [];
    const now = snapshot(form);
    const names = new Set();
    for (const [key, { value, element }] of now) {
      const old = before.get(key);
      if (!old || old.value !== value) names.add(labelOf(element));
    }
    for (const [key, { element }] of before) if (!now.has(key)) names.add(labelOf(element));
    return Array.from(names);
  };
  const showChanges = (form) => {
    const bar = form.querySelector(".savebar");
    if (!bar) return;
    const names = changed(form);
    const note = bar.querySelector(".changes");
    bar.classList.toggle("dirty", names.length > 0);
    if (note)
      note.textContent = names.length
        ? note.dataset.changed.replace("{fields}", names.filter(Boolean).join(note.dataset.separator) || "…")
        : note.dataset.clean;
  };
  const dirtyForms = () =>
    all(document, "form[data-guard]").filter((form) => !form.dataset.leaving && changed(form).length > 0);

  document.querySelector('.side [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  const start = (root) => {
    for (const form of all(root, "form[data-guard]")) {
      if (!initial.has(form)) initial.set(form, form.dataset.dirty ? new Map() : snapshot(form));
      showChanges(form);
    }
    for (const dialog of all(root, "dialog[data-open]")) if (!dialog.open) dialog.showModal();
    const first = root.querySelector("[aria-invalid=true]");
    if (first) {
      const pane = first.closest("[role=tabpanel]");
      if (pane) selectTab(pane.id);
      first.focus();
    }
  };

  const selectTab = (id) => {
    for (const tab of all(document, `[role=tab]`)) {
      const mine = tab.closest("[role=tablist]").contains(document.querySelector(`[aria-controls="${id}"]`));
      if (!mine) continue;
      const chosen = tab.getAttribute("aria-controls") === id;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const pane = document.getElementById(tab.getAttribute("aria-controls"));
      if (pane) pane.hidden = !chosen;
    }
  };

  document.addEventListener("input", (event) => {
    const form = closest(event, "form[data-guard]");
    if (form) showChanges(form);
    const search = closest(event, "[data-nav-search]");
    if (search) {
      const wanted = search.value.trim().toLowerCase();
      for (const link of all(document, ".side a"))
        link.hidden = !link.textContent.toLowerCase().includes(wanted);
      for (const group of all(document, ".side details")) {
        group.hidden = !all(group, "a").some((link) => !link.hidden);
        if (wanted) group.open = true;
      }
    }
  });
  document.addEventListener("change", (event) => {
    const form = closest(event, "form[data-guard]");
    if (form) showChanges(form);
    const every = closest(event, "[data-pick-all]");
    if (every) for (const box of all(every.closest("table"), "td.pick input")) box.checked = every.checked;
    const auto = closest(event, "[data-submit-on-change]");
    if (auto?.form) auto.form.requestSubmit();
    const kind = closest(event, "[data-shows]");
    if (kind) showKind(kind);
  });
  const showKind = (select) => {
    for (const part of all(document, `[data-when^="${select.dataset.shows}:"]`))
      part.hidden = !part.dataset.when.split(":")[1].split(",").includes(select.value);
  };
  document.addEventListener("submit", (event) => {
    const form = closest(event, "form[data-guard]");
    if (form) form.dataset.leaving = "1";
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirtyForms().length > 0) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const tab = closest(event, "[role=tab]");
    if (tab) selectTab(tab.getAttribute("aria-controls"));
    const copy = closest(event, "[data-copy]");
    if (copy) {
      const text = document.getElementById(copy.dataset.copy)?.textContent ?? "";
      const done = () => {
        copy.textContent = copy.dataset.done;
      };
      if (navigator.clipboard)
        navigator.clipboard.writeText(text).then(done, () => select(copy.dataset.copy));
      else select(copy.dataset.copy);
    }
    const close = closest(event, "[data-close]");
    if (close) {
      const box = close.closest("dialog, .panel");
      if (box) box.remove();
    }
    const add = closest(event, "[data-add-row]");
    if (add) addRow(add.dataset.addRow);
    const remove = closest(event, "[data-remove-row]");
    if (remove) {
      const form = remove.form;
      remove.closest("[data-row]").remove();
      if (form) showChanges(form);
    }
    const move = closest(event, "[data-move-row]");
    if (move) {
      const row = move.closest("[data-row]");
      if (move.dataset.moveRow === "up" && row.previousElementSibling) row.previousElementSibling.before(row);
      if (move.dataset.moveRow === "down" && row.nextElementSibling) row.nextElementSibling.after(row);
      move.focus();
      if (move.form) {
        move.form.querySelector(".savebar")?.classList.add("dirty");
        initial.set(move.form, new Map());
        showChanges(move.form);
      }
    }
    const fill = closest(event, "[data-week-fill]");
    if (fill) {
      const [from, to] = fill.dataset.weekFill.split("-").map(Number);
      for (const box of all(fill.form, ".week input")) {
        const [day, hour] = box.value.split("-").map(Number);
        box.checked = day <= 5 && hour >= from && hour < to;
      }
      showChanges(fill.form);
    }
    for (const menu of all(document, "details.menu[open]"))
      if (!menu.contains(event.target)) menu.open = false;
  });
  const select = (id) => {
    const node = document.getElementById(id);
    if (node) window.getSelection()?.selectAllChildren(node);
  };
  const addRow = (id) => {
    const template = document.getElementById(`${id}-template`);
    const list = document.getElementById(id);
    if (!template || !list) return;
    const next = Number(list.dataset.next ?? "0");
    list.dataset.next = String(next + 1);
    const copy = document.createElement("div");
    copy.innerHTML = template.innerHTML.replaceAll("__n__", String(next));
    const row = copy.firstElementChild;
    list.append(row);
    row.querySelector("input, select")?.focus();
    const form = list.closest("form");
    if (form) showChanges(form);
  };
  // Escape: the menus first, then the side panel; whoever was in a menu stands on its button again.
  const leave = () => {
    const menus = all(document, "details.menu[open]");
    for (const menu of menus) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
      menu.open = false;
    }
    if (menus.length === 0 && !document.querySelector("dialog[open]"))
      document.querySelector(".panel-head a")?.click();
  };
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName ?? "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      const search = document.querySelector("[data-nav-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
    const found = closest(event, "[data-nav-search]");
    if (found && event.key === "Enter" && !event.isComposing && found.value.trim() !== "") {
      event.preventDefault();
      all(document, ".side a")
        .find((link) => !link.hidden)
        ?.click();
    }
    if (found && event.key === "Escape") {
      found.value = "";
      found.dispatchEvent(new Event("input", { bubbles: true }));
      found.blur();
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      const form = document.querySelector("form[data-guard]");
      if (form) {
        event.preventDefault();
        form.requestSubmit();
      }
    }
    if (event.key === "Escape" && !event.isComposing) leave();
    const tab = closest(event, "[role=tab]");
    if (tab && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const tabs = all(tab.closest("[role=tablist]"), "[role=tab]");
      const next =
        tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
      selectTab(next.getAttribute("aria-controls"));
      next.focus();
    }
    const cell = closest(event, ".week input");
    if (cell && event.key.startsWith("Arrow")) {
      const [day, hour] = cell.value.split("-").map(Number);
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const next = document.querySelector(`.week input[value="${day + step[0]}-${hour + step[1]}"]`);
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    start(document);
    for (const kind of all(document, "[data-shows]")) showKind(kind);
    // The panel stands last in the document: nobody should walk through the list to reach it.
    document.querySelector(".panel-head a")?.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:after:swap", () => {
    start(document);
    for (const form of all(document, "form[data-leaving]")) form.removeAttribute("data-leaving");
  });
})();
