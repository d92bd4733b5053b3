/* Shows below each default message of a type what a user would read, how long it is, and how many texts it costs. */
(function () {
    "use strict";

    const PLACEHOLDER = "{code}";
    /* The alphabet of GSM 03.38 and its extension, whose characters take the room of two. */
    const BASIC =
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑܧ¿" +
        "abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENSION = "\f^{}\\[~]|€";
    const GSM = { one: 160, part: 153 };
    const UCS2 = { one: 70, part: 67 };
    const NAMED = 3;

    function isSms() {
        return document.getElementsByName("method")[0].value === "sms";
    }

    function composed(text, code) {
        return text.includes(PLACEHOLDER) ? text.replaceAll(PLACEHOLDER, code) : code;
    }

    function foreign(text) {
        return [...new Set(text)].filter((character) => !BASIC.includes(character) && !EXTENSION.includes(character));
    }

    /* No part begins in the middle of a character. */
    function segments(sizes, room) {
        if (sizes.reduce((sum, size) => sum + size, 0) <= room.one) {
            return 1;
        }
        let parts = 1;
        let used = 0;
        for (const size of sizes) {
            if (used + size > room.part) {
                parts += 1;
                used = 0;
            }
            used += size;
        }
        return parts;
    }

    function fill(text, values) {
        return text.replace(/%\((\w+)\)s/g, (_whole, name) => values[name]);
    }

    function costs(text, words) {
        const strange = foreign(text);
        const sizes = [...text].map((one) => (strange.length ? one.length : EXTENSION.includes(one) ? 2 : 1));
        const number = segments(sizes, strange.length ? UCS2 : GSM);
        const said = [number === 1 ? words.one : fill(words.more, { segments: number })];
        if (strange.length) {
            const named = strange.slice(0, NAMED).map((one) => `“${one}”`).join(", ");
            said.push(fill(words.unicode, { characters: strange.length > NAMED ? `${named}, …` : named }));
        }
        return said;
    }

    function showCount(count) {
        const text = document.getElementById(count.dataset.counts).value;
        const used = [...text].length;
        const said = [fill(count.dataset.used, { used, limit: count.dataset.limit })];
        const isTooLong = used > Number(count.dataset.limit);
        if (isTooLong) {
            said.push(count.dataset.tooLong);
        } else if (text && isSms()) {
            said.push(...costs(composed(text, count.dataset.code), count.dataset));
        }
        count.textContent = said.join(" ");
        count.toggleAttribute("data-too-long-now", isTooLong);
    }

    function showPreview(preview) {
        const text = document.getElementById(preview.htmlFor.value).value;
        const shown = isSms() ? composed(text, preview.dataset.code) : text;
        preview.textContent = text ? shown : preview.dataset.empty;
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
        /* Filled once it is there: what appears together with its text is not read out. */
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
