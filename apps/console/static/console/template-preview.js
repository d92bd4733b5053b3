/* Shows below each template what a user would read, with the values of the example, while it is typed. */
(function () {
    "use strict";

    function fill(template, values) {
        return template.replace(/\[(\w+)\]/g, (whole, name) => (Object.hasOwn(values, name) ? values[name] : whole));
    }

    function show(preview) {
        const field = document.getElementById(preview.htmlFor.value);
        preview.textContent = fill(field.value.trim() ? field.value : preview.dataset.empty, JSON.parse(preview.dataset.values));
    }

    function refresh() {
        document.querySelectorAll(".console-preview").forEach(show);
    }

    document.addEventListener("DOMContentLoaded", refresh);
    document.addEventListener("input", refresh);
})();
