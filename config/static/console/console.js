/* What the console's forms do without a reload. The server judges everything again; nothing here protects anything. */
(function () {
    "use strict";

    function named(name) {
        return document.getElementsByName(name)[0];
    }

    function holds(condition) {
        const above = condition.match(/^(\w+)>(\d+)$/);
        if (above) {
            return Number((named(above[1]) || {}).value) > Number(above[2]);
        }
        const [name, values] = condition.split("=");
        const field = named(name);
        return Boolean(field) && values.split("|").includes(field.value);
    }

    function showWarnings() {
        for (const warning of document.querySelectorAll("[data-shown-when]")) {
            warning.toggleAttribute("data-shown", holds(warning.dataset.shownWhen));
        }
    }

    /* A field that the chosen method lacks goes with its row; a group of which nothing is left goes too. */
    function showFields() {
        const groups = new Set();
        for (const field of document.querySelectorAll("[data-field-shown-when]")) {
            field.disabled = !holds(field.dataset.fieldShownWhen);
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
            const prefix = select.name.slice(0, select.name.lastIndexOf("-") + 1);
            const wanted = named(prefix + select.dataset.fits).value;
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
