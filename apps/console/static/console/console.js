/* What the console's forms do without a reload. The server judges everything again; nothing here protects anything. */
(function () {
    "use strict";

    function named(name) {
        return document.getElementsByName(name)[0];
    }

    /* Names in a condition are those of the same row of an inline, or of the page's own form. */
    function prefixOf(element) {
        const name = element.name || "";
        return name.slice(0, name.lastIndexOf("-") + 1);
    }

    /* One part: `name=value|value`, `name>number`, or `name:data=value` about a data attribute of the chosen option. */
    function holdsPart(part, prefix) {
        const [, name, data, operator, wanted] = part.match(/^(\w+)(?::(\w+))?([=>])(.*)$/);
        const field = named(prefix + name);
        if (!field) {
            return false;
        }
        const typed = field.type === "checkbox" && !field.checked ? "" : field.value;
        const value = data ? field.selectedOptions[0]?.dataset[data] : typed;
        return operator === ">" ? Number(value) > Number(wanted) : wanted.split("|").includes(value);
    }

    function holds(condition, element) {
        return condition.split("&").every((part) => holdsPart(part, prefixOf(element)));
    }

    function showWarnings() {
        for (const warning of document.querySelectorAll("[data-shown-when]")) {
            warning.toggleAttribute("data-shown", holds(warning.dataset.shownWhen, warning));
        }
    }

    /* A field without a meaning goes with its row, and is not sent; a group of which nothing is left goes too. */
    function showFields() {
        const groups = new Set();
        for (const field of document.querySelectorAll("[data-field-shown-when]")) {
            field.disabled = !holds(field.dataset.fieldShownWhen, field);
            const row = field.closest(".form-row") || field.parentElement;
            row.hidden = field.disabled;
            groups.add(row.closest("fieldset"));
        }
        for (const group of groups) {
            group.hidden = [...group.querySelectorAll(".form-row")].every((row) => row.hidden);
        }
    }

    function lockFields() {
        for (const field of document.querySelectorAll("[data-enabled-by]")) {
            field.disabled = !named(field.dataset.enabledBy).checked;
        }
    }

    /* In a row of an inline: offer the configurations of the row's platform. */
    function offerFitting() {
        for (const select of document.querySelectorAll("select[data-fits]")) {
            const wanted = named(prefixOf(select) + select.dataset.fits).value;
            for (const option of select.options) {
                const fits = !option.dataset.platform || option.dataset.platform === wanted;
                option.hidden = option.disabled = !fits && !option.selected;
            }
        }
    }

    function refresh() {
        showWarnings();
        showFields();
        lockFields();
        offerFitting();
    }

    async function copy(button) {
        const text = document.getElementById(button.dataset.copies).textContent;
        try {
            await navigator.clipboard.writeText(text);
            button.firstElementChild.textContent = "check";
        } catch {
            window.getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
        }
    }

    /* A symbol is a word in a font of pictures: who listens to a page would hear "add Add application". Where it is all
       that a link says, it stays. */
    function silenceSymbols() {
        for (const symbol of document.querySelectorAll(".material-symbols-outlined")) {
            const link = symbol.closest("a, button");
            const isAll = link && !link.title && link.textContent.trim() === symbol.textContent.trim();
            if (!isAll) {
                symbol.setAttribute("aria-hidden", "true");
            }
        }
    }

    /* The menu is longer than a small window. It is moved into its scrolling box when the page is ready: after that. */
    function showPlaceInMenu() {
        document.querySelector(".console-menu-item[aria-current]")?.scrollIntoView({ block: "nearest" });
    }

    document.addEventListener("DOMContentLoaded", silenceSymbols);
    document.addEventListener("DOMContentLoaded", () => setTimeout(showPlaceInMenu));
    document.addEventListener("DOMContentLoaded", refresh);
    document.addEventListener("input", refresh);
    document.addEventListener("change", refresh);
    document.addEventListener("formset:added", refresh);
    document.addEventListener("click", function (event) {
        const button = event.target.closest("[data-copies]");
        if (button) {
            copy(button);
        }
    });
})();
