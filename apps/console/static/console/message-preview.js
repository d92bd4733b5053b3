/* Shows a preview below each default message of a type, with its length and number of SMS segments. */
(function () {
    "use strict";

    const PLACEHOLDER = "{code}";
    /* The GSM 03.38 alphabet and its extension. Characters of the extension count twice. */
    const BASIC =
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑܧ¿" +
        "abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION = "\f^{}\\[~]|€";
    const GSM = { single: 160, segment: 153 };
    const UCS2 = { single: 70, segment: 67 };
    const MAX_CHARACTERS = 3;

    function isSms() {
        return document.getElementsByName("method")[0].value === "sms";
    }

    function composeMessage(text, code) {
        return text.includes(PLACEHOLDER) ? text.replaceAll(PLACEHOLDER, code) : code;
    }

    function nonGsmCharacters(text) {
        return [...new Set(text)].filter((character) => !BASIC.includes(character) && !EXTENSION.includes(character));
    }

    /* A character is never split between two segments. */
    function countSegments(sizes, capacity) {
        if (sizes.reduce((sum, size) => sum + size, 0) <= capacity.single) {
            return 1;
        }
        let segments = 1;
        let used = 0;
        for (const size of sizes) {
            if (used + size > capacity.segment) {
                segments += 1;
                used = 0;
            }
            used += size;
        }
        return segments;
    }

    function fillPlaceholders(text, values) {
        return text.replace(/%\((\w+)\)s/g, (_match, name) => values[name]);
    }

    function describeSegments(text, templates) {
        const unsupported = nonGsmCharacters(text);
        const sizes = [...text].map((character) => (unsupported.length ? character.length : EXTENSION.includes(character) ? 2 : 1));
        const number = countSegments(sizes, unsupported.length ? UCS2 : GSM);
        const sentences = [number === 1 ? templates.one : fillPlaceholders(templates.more, { segments: number })];
        if (unsupported.length) {
            const listed = unsupported.slice(0, MAX_CHARACTERS).map((character) => `“${character}”`).join(", ");
            sentences.push(fillPlaceholders(templates.unicode, { characters: unsupported.length > MAX_CHARACTERS ? `${listed}, …` : listed }));
        }
        return sentences;
    }

    function showCount(count) {
        const text = document.getElementById(count.dataset.counts).value;
        const used = [...text].length;
        const sentences = [fillPlaceholders(count.dataset.used, { used, limit: count.dataset.limit })];
        const isTooLong = used > Number(count.dataset.limit);
        if (isTooLong) {
            sentences.push(count.dataset.tooLong);
        } else if (text && isSms()) {
            sentences.push(...describeSegments(composeMessage(text, count.dataset.code), count.dataset));
        }
        count.textContent = sentences.join(" ");
        count.toggleAttribute("data-too-long-now", isTooLong);
    }

    function showPreview(preview) {
        const text = document.getElementById(preview.htmlFor.value).value;
        const message = isSms() ? composeMessage(text, preview.dataset.code) : text;
        preview.textContent = text ? message : preview.dataset.empty;
        preview.toggleAttribute("data-nothing", !text);
    }

    function refresh() {
        document.querySelectorAll("[data-counts]").forEach(showCount);
        document.querySelectorAll(".console-preview-box:not([hidden]) .console-message-preview").forEach(showPreview);
    }

    function toggle(button) {
        const box = document.getElementById(button.getAttribute("aria-controls"));
        box.hidden = !box.hidden;
        button.setAttribute("aria-expanded", String(!box.hidden));
        /* Filled after the box is visible, so that screen readers announce the text. */
        window.requestAnimationFrame(function () {
            refresh();
            box.scrollIntoView({ block: "nearest" });
        });
    }

    document.addEventListener("DOMContentLoaded", refresh);
    document.addEventListener("input", refresh);
    document.addEventListener("change", refresh);
    document.addEventListener("click", function (event) {
        const button = event.target.closest(".console-preview-button");
        if (button) {
            toggle(button);
        }
    });
})();
