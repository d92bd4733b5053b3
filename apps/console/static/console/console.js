/* Dynamic behaviour of the console's forms. The server validates all input again. */
(function () {
    "use strict";

    function fieldNamed(name) {
        return document.getElementsByName(name)[0];
    }

    /* Names in a condition refer to the same inline row, or to the page's form. */
    function prefixOf(element) {
        const name = element.name || "";
        return name.slice(0, name.lastIndexOf("-") + 1);
    }

    /* A condition is one or more alternatives, separated by `;`, of parts that must all be met, joined with `&`. */
    /* A part is `name=value|value`, `name>number`, or `name:data=value` for a data attribute of the selected option. */
    function isPartMet(part, prefix) {
        const [, name, data, operator, expected] = part.match(/^(\w+)(?::(\w+))?([=>])(.*)$/);
        const field = fieldNamed(prefix + name);
        if (!field) {
            return false;
        }
        const boxes = [...document.getElementsByName(prefix + name)];
        if (boxes.length > 1 && field.type === "checkbox") {
            return boxes.some((box) => box.checked && !box.disabled && expected.split("|").includes(box.value));
        }
        const isOff = field.type === "checkbox" && (!field.checked || field.disabled);
        const input = isOff ? "" : field.value;
        const value = data ? field.selectedOptions[0]?.dataset[data] : input;
        return operator === ">" ? Number(value) > Number(expected) : expected.split("|").includes(value);
    }

    function isMet(condition, element) {
        const parts = condition.split(";").map((alternative) => alternative.split("&"));
        return parts.some((alternative) => alternative.every((part) => isPartMet(part, prefixOf(element))));
    }

    function showWarnings() {
        for (const warning of document.querySelectorAll("[data-shown-when]")) {
            warning.toggleAttribute("data-shown", isMet(warning.dataset.shownWhen, warning));
        }
    }

    /* Hides and disables fields whose condition is not met, and groups without visible rows. */
    function showFields() {
        const groups = new Set();
        for (const field of document.querySelectorAll("[data-field-shown-when]")) {
            field.disabled = !isMet(field.dataset.fieldShownWhen, field);
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
            field.disabled = !fieldNamed(field.dataset.enabledBy).checked;
        }
    }

    /* Shows only the configurations of the platform that is selected in the same inline row. */
    function filterOptions() {
        for (const select of document.querySelectorAll("select[data-fits]")) {
            const platform = fieldNamed(prefixOf(select) + select.dataset.fits).value;
            for (const option of select.options) {
                const fits = !option.dataset.platforms || option.dataset.platforms.split(" ").includes(platform);
                option.hidden = option.disabled = !fits && !option.selected;
            }
        }
    }

    function refresh() {
        showWarnings();
        showFields();
        lockFields();
        filterOptions();
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

    /* A symbol is a word in an icon font, which screen readers would read aloud ("add Add application"). It stays
       readable if it is the only content of a link. */
    function hideSymbols() {
        for (const symbol of document.querySelectorAll(".material-symbols-outlined")) {
            const link = symbol.closest("a, button");
            const isOnlyContent = link && !link.title && link.textContent.trim() === symbol.textContent.trim();
            if (!isOnlyContent) {
                symbol.setAttribute("aria-hidden", "true");
            }
        }
    }

    /* The menu can be longer than the window. The timeout waits until it is inside its scrolling container. */
    function scrollToCurrentItem() {
        document.querySelector(".console-menu-item[aria-current]")?.scrollIntoView({ block: "nearest" });
    }

    /* In narrow windows, each cell has the heading of its column as a label. It begins with a capital letter. The first
       cell has the label of a checkbox if the rows have no link. */
    function capitalizeLabels() {
        const heading = document.querySelector("#result_list thead th:first-child .text");
        for (const { dataset } of document.querySelectorAll("#result_list tbody td:first-child:not(.action-checkbox)")) {
            dataset.label = heading.textContent.trim();
        }
        for (const { dataset } of document.querySelectorAll("[data-label]")) {
            dataset.label = dataset.label.charAt(0).toUpperCase() + dataset.label.slice(1);
        }
    }

    /* The types of events break after their underscores only. */
    function breakEventTypes() {
        for (const code of document.querySelectorAll(".console-event-type")) {
            const parts = code.textContent.split(/(?<=_)/);
            code.replaceChildren(...parts.flatMap((part) => [part, document.createElement("wbr")]).slice(0, -1));
        }
    }

    document.addEventListener("DOMContentLoaded", hideSymbols);
    document.addEventListener("DOMContentLoaded", breakEventTypes);
    document.addEventListener("console:updated", breakEventTypes);
    document.addEventListener("DOMContentLoaded", capitalizeLabels);
    document.addEventListener("DOMContentLoaded", () => setTimeout(scrollToCurrentItem));
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
