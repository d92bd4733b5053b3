/* Requests a passkey from the browser in forms with `data-passkey`: "create" registers one, "get" signs in. */
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

    /* Decodes the binary members of the server's options from base64url. */
    function decodeOptions(options) {
        const decodeIds = (list) => (list || []).map((descriptor) => ({ ...descriptor, id: toBytes(descriptor.id) }));
        const decoded = { ...options, challenge: toBytes(options.challenge) };
        if (options.user) {
            decoded.user = { ...options.user, id: toBytes(options.user.id) };
            decoded.excludeCredentials = decodeIds(options.excludeCredentials);
        } else {
            decoded.allowCredentials = decodeIds(options.allowCredentials);
        }
        return decoded;
    }

    function encodeCredential(credential) {
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

    async function post(form, url, data) {
        const response = await fetch(url, {
            method: "POST",
            headers: {
                "Content-Type": "application/json",
                "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
            },
            body: JSON.stringify(data),
        });
        const contentType = response.headers.get("Content-Type") || "";
        const body = contentType.startsWith("application/json") ? await response.json() : {};
        return { ok: response.ok && !response.redirected, body };
    }

    function showError(form, message) {
        const problem = form.querySelector("[data-passkey-problem]");
        problem.textContent = message || problem.dataset.rejected;
        problem.hidden = false;
    }

    async function run(form) {
        if (!window.PublicKeyCredential) {
            const problem = form.querySelector("[data-passkey-problem]");
            return showError(form, problem.dataset.unsupported);
        }
        const begun = await post(form, form.dataset.begin, {});
        if (!begun.ok) {
            return showError(form, begun.body.message);
        }
        const publicKey = decodeOptions(begun.body);
        const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
        const name = form.elements.name ? form.elements.name.value : "";
        const completed = await post(form, form.dataset.complete, { ...encodeCredential(credential), name });
        if (!completed.ok) {
            return showError(form, completed.body.message);
        }
        window.location.assign(completed.body.url);
    }

    document.addEventListener("submit", function (event) {
        const form = event.target.closest("form[data-passkey]");
        if (form) {
            event.preventDefault();
            run(form).catch(() => showError(form));
        }
    });
})();
