/* Shows a preview below each template with the values of the example, updated during input. */
(function () {
    "use strict";

    function fillPlaceholders(template, values) {
        return template.replace(/\[(\w+)\]/g, (match, name) => (Object.hasOwn(values, name) ? values[name] : match));
    }

    function showPreview(preview) {
        const field = document.getElementById(preview.htmlFor.value);
        preview.textContent = fillPlaceholders(field.value.trim() ? field.value : preview.dataset.empty, JSON.parse(preview.dataset.values));
    }

    function refresh() {
        document.querySelectorAll(".console-preview").forEach(showPreview);
    }

    document.addEventListener("DOMContentLoaded", refresh);
    document.addEventListener("input", refresh);
})();
