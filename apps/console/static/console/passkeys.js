/* Asks the browser for a passkey, in forms with `data-passkey`: "create" makes one, "get" signs in with one. */
(function () {
    "use strict";

    function toBytes(text) {
        const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
        return Uint8Array.from(plain, (character) => character.charCodeAt(0));
    }

    function toText(buffer) {
        const plain = String.fromCharCode(...new Uint8Array(buffer));
        return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    }

    /* The server's options name bytes in base64url; the browser wants them as bytes. */
    function readOptions(options) {
        const listed = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));
        const read = { ...options, challenge: toBytes(options.challenge) };
        if (options.user) {
            read.user = { ...options.user, id: toBytes(options.user.id) };
            read.excludeCredentials = listed(options.excludeCredentials);
        } else {
            read.allowCredentials = listed(options.allowCredentials);
        }
        return read;
    }

    function writeCredential(credential) {
        const response = {};
        for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
            if (credential.response[name]) {
                response[name] = toText(credential.response[name]);
            }
        }
        if (credential.response.getTransports) {
            response.transports = credential.response.getTransports();
        }
        const { id, type } = credential;
        const clientExtensionResults = credential.getClientExtensionResults();
        return { id, rawId: toText(credential.rawId), type, response, clientExtensionResults };
    }

    async function post(form, url, body) {
        const answer = await fetch(url, {
            method: "POST",
            headers: {
                "Content-Type": "application/json",
                "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
            },
            body: JSON.stringify(body),
        });
        const json = answer.headers.get("Content-Type") || "";
        return { ok: answer.ok && !answer.redirected, sent: json.startsWith("application/json") ? await answer.json() : {} };
    }

    function tell(form, text) {
        const problem = form.querySelector("[data-passkey-problem]");
        problem.textContent = text || problem.dataset.refused;
        problem.hidden = false;
    }

    async function run(form) {
        if (!window.PublicKeyCredential) {
            const problem = form.querySelector("[data-passkey-problem]");
            return tell(form, problem.dataset.unsupported);
        }
        const begun = await post(form, form.dataset.begin, {});
        if (!begun.ok) {
            return tell(form, begun.sent.text);
        }
        const publicKey = readOptions(begun.sent);
        const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
        const name = form.elements.name ? form.elements.name.value : "";
        const completed = await post(form, form.dataset.complete, { ...writeCredential(credential), name });
        if (!completed.ok) {
            return tell(form, completed.sent.text);
        }
        window.location.assign(completed.sent.url);
    }

    document.addEventListener("submit", function (event) {
        const form = event.target.closest("form[data-passkey]");
        if (form) {
            event.preventDefault();
            run(form).catch(() => tell(form));
        }
    });
})();
