/* Follows an authentication that the console started, until its status and its callback are final. */
(function () {
    "use strict";

    const FAST_MILLISECONDS = 1000;
    const SLOW_MILLISECONDS = 5000;
    const FAST_POLLS = 60;
    const MAX_POLLS = 180;
    const area = document.getElementById("trial-state");
    let shown = "";

    function state() {
        return area.querySelector("[data-status]").dataset;
    }

    function show(html) {
        if (html === shown) {
            return;
        }
        const before = state().status;
        shown = area.innerHTML = html;
        document.dispatchEvent(new Event("console:updated"));
        document.getElementById("trial-instructions").hidden = state().status !== "pending";
        if (state().status !== before) {
            document.getElementById("trial-announcement").textContent =
                document.getElementById("state-heading").textContent;
        }
    }

    /* Returns false if the page must not poll again, for example after the session has ended. */
    async function update() {
        let response;
        try {
            response = await fetch(area.dataset.stateUrl, { credentials: "same-origin", redirect: "error" });
        } catch {
            return true;
        }
        if (!response.ok) {
            return false;
        }
        show(await response.text());
        return state().final !== "yes";
    }

    async function follow() {
        for (let poll = 0; poll < MAX_POLLS && state().final !== "yes"; poll += 1) {
            const pause = poll < FAST_POLLS ? FAST_MILLISECONDS : SLOW_MILLISECONDS;
            await new Promise((resume) => setTimeout(resume, pause));
            if (!(await update())) {
                return;
            }
        }
    }

    follow();
})();
