import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPrivateKeySpec;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * A phone on the command line, written from docs/device-protocol.md with the standard library only. It has JOSE keys
 * and a PIN.
 *
 * <p>An app on Android has the same parts (docs/mobile/android.md). There, the two keys are created in the Keystore and
 * never leave it, the state is encrypted with a key of the Keystore, and the user sees screens instead of JSON.
 */
public final class Phone {
    private static final String USAGE = """
            java Phone.java [--state FILE] [COMMAND ...]
              enroll LINK                                     enrol with the link of a QR code, countersign://enroll?...
              enroll SERVER APPLICATION CODE                  enrol with a code
              push TOKEN                                      send the push token, for each profile
              pin NEW [--pin CURRENT]                         register or replace the PIN
              status | list                                   the profiles of this phone | the pending transactions
              show TRANSACTION                                fetch, open and show the challenge
              scan TEXT                                       the same with the QR code of a one-time password
              approve TRANSACTION [--pin PIN] [--number N]    approve what was shown
              deny TRANSACTION [--fraud]                      deny what was shown
              unenroll                                        remove the profile from this phone
              vectors FILE                                    check this program with docs/test-vectors.json
            --profile ID selects one of several profiles, --clock SECONDS makes the clock of this phone wrong.
            Without a command, it reads commands from standard input, one per line.
            Each command prints one line of JSON.""";

    private final Path file;
    private final Api api = new Api();
    private Map<String, Object> state = new LinkedHashMap<>();

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        List<String> words = new ArrayList<>(List.of(arguments));
        if (words.contains("--help")) {
            out.println(USAGE);
            return;
        }
        String file = takeOption(words, "--state");
        Phone phone = new Phone(Path.of(file == null ? "phone.json" : file));
        if (!words.isEmpty()) {
            Map<String, Object> result = phone.run(words);
            out.println(Json.write(result));
            System.exit(result.containsKey("error") ? 1 : 0);
        }
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.println(Json.write(phone.run(new ArrayList<>(List.of(line.trim().split(" +"))))));
        }
    }

    private Phone(Path file) throws Exception {
        this.file = file.toAbsolutePath();
        if (Files.exists(file)) {
            state = Json.object(Json.parse(Files.readString(file)));
            api.server = Json.text(state, "server");
            api.deviceToken = (String) state.get("device_token");
            api.clockDifference = Json.number(state, "clock_difference");
        }
    }

    /** Runs one command. The result has a member "error" if it failed. */
    private Map<String, Object> run(List<String> words) throws Exception {
        String profileId = takeOption(words, "--profile");
        String pin = takeOption(words, "--pin");
        String number = takeOption(words, "--number");
        String clock = takeOption(words, "--clock");
        boolean fraud = words.remove("--fraud");
        if (clock != null) {
            api.clockError = Long.parseLong(clock) * 1000;
        }
        String command = words.isEmpty() ? "" : words.get(0) + " " + (words.size() - 1);
        try {
            if (command.equals("vectors 1")) {
                return Vectors.check(Path.of(words.get(1)));
            }
            if (!command.startsWith("enroll") && api.server == null) {
                throw new Mistake("enrol first");
            }
            repeatAnswer();
            return switch (command) {
                case "enroll 1" -> enrollWithLink(words.get(1));
                case "enroll 3" -> enroll(words.get(1), words.get(2), words.get(3));
                case "push 1" -> enrollForPush(words.get(1));
                case "pin 1" -> registerPin(profile(profileId), words.get(1), pin);
                case "status 0" -> api.repeat("GET", "/device/v1/enrollments", null);
                case "list 0" -> api.repeat("GET", "/device/v1/transactions", null);
                case "show 1" -> show(words.get(1));
                case "scan 1" -> scan(profile(profileId), words.get(1));
                case "approve 1" -> approve(shown(words.get(1)), pin, number);
                case "deny 1" -> deny(shown(words.get(1)), fraud);
                case "unenroll 0" -> unenroll(profile(profileId));
                default -> error("usage: see --help");
            };
        } catch (Api.Failure failure) {
            return failure.response;
        } catch (Jose.InvalidMessage | Json.Invalid | GeneralSecurityException e) {
            return error("invalid response: " + e.getMessage()); // nothing of it was used
        } catch (Mistake mistake) {
            return error(mistake.getMessage());
        } catch (IOException e) {
            return error("no response: " + e.getMessage());
        } finally {
            if (api.server != null) {
                save();
            }
        }
    }

    // Enrolment

    private Map<String, Object> enrollWithLink(String link) throws Exception {
        Map<String, String> parameters = new LinkedHashMap<>();
        for (String parameter : link.substring(link.indexOf('?') + 1).split("&")) {
            String[] parts = parameter.split("=", 2);
            parameters.put(parts[0], URLDecoder.decode(parts[parts.length - 1], StandardCharsets.UTF_8));
        }
        if (!link.startsWith("countersign://enroll?")
                || !parameters.keySet().containsAll(Set.of("server", "application_id", "code"))) {
            throw new Mistake("not an enrolment link");
        }
        return enroll(parameters.get("server"), parameters.get("application_id"), parameters.get("code"));
    }

    /** Enrols a new phone, an additional user of this phone, or a user of this phone again: the request is the same. */
    private Map<String, Object> enroll(String server, String application, String code) throws Exception {
        if (api.deviceToken != null && !server.equals(api.server)) {
            throw new Mistake("this phone is enrolled at " + api.server);
        }
        if (!server.matches("https://.*|http://(localhost|127\\.0\\.0\\.1)(:.*)?")) {
            throw new Mistake("not HTTPS");
        }
        api.server = server;
        KeyPair signing = Jose.createKey();
        KeyPair encryption = Jose.createKey();
        Map<String, Object> request = Json.of(
                "enrollment_code", code,
                "public_keys", Json.of("keys", List.of(
                        Jose.publicJwk((ECPublicKey) signing.getPublic(), "sig", "ES256"),
                        Jose.publicJwk((ECPublicKey) encryption.getPublic(), "enc", "ECDH-ES+A256KW"))),
                "application_id", application,
                "platform", "android", "app_version", "1.0.0", "device_name", "Java phone");
        // Not repeated: after a lost response, the code may have been used, and the user needs a new one.
        Map<String, Object> response = call("POST", "/device/v1/enrollments", request, null);
        Jose.publicKeys(Json.object(response.get("server_public_keys"))); // throws if they are no keys of this kind
        if (response.containsKey("device_token")) {
            api.deviceToken = Json.text(response, "device_token");
            state.put("device_id", Json.text(response, "device_id"));
            state.put("device_token", api.deviceToken);
        }
        String profileId = Json.text(response, "profile_id");
        forget(profileId); // enrolled again: the old keys and authenticators are no longer valid
        profiles().put(profileId, Json.of(
                "signing_key", Jose.privateJwk(signing, "sig", "ES256"),
                "encryption_key", Jose.privateJwk(encryption, "enc", "ECDH-ES+A256KW"),
                "server_public_keys", response.get("server_public_keys")));
        return Json.of("device_id", response.get("device_id"), "profile_id", profileId);
    }

    private Map<String, Object> enrollForPush(String pushToken) throws Exception {
        String oldToken = (String) state.get("push_token");
        if (oldToken != null && !oldToken.equals(pushToken)) {
            api.repeat("PUT", "/device/v1/push-token", Json.of("old_push_token", oldToken, "push_token", pushToken));
        }
        state.put("push_token", pushToken);
        for (String profileId : List.copyOf(profiles().keySet())) {
            Map<String, Object> request = Json.of("push_token", pushToken);
            call("PUT", "/device/v1/enrollments/" + encode(profileId) + "/push", request, profileId);
        }
        return Json.of("push_token", pushToken);
    }

    private Map<String, Object> unenroll(Profile profile) throws Exception {
        call("DELETE", "/device/v1/enrollments/" + encode(profile.id), null, profile.id);
        forget(profile.id);
        if (profiles().isEmpty()) {
            forgetDevice(); // the server has deleted the device with its last profile
        }
        return Json.of("unenrolled", profile.id);
    }

    // PIN

    private Map<String, Object> registerPin(Profile profile, String newPin, String currentPin) throws Exception {
        try {
            return tryToRegisterPin(profile, newPin, currentPin);
        } catch (Api.Failure failure) {
            if (!failure.error.equals("invalid_message")) {
                throw failure;
            }
            // The clock may be wrong: the response has corrected the difference. Once more, with a new nonce.
            return tryToRegisterPin(profile, newPin, currentPin);
        }
    }

    private Map<String, Object> tryToRegisterPin(Profile profile, String newPin, String currentPin) throws Exception {
        Map<String, Object> registration = Json.of(
                "type", "pin", "nonce", Jose.encode(Jose.random(16)), "issued_at", api.serverTime());
        if (currentPin != null) {
            registration.put("pin_token", profile.pinToken(currentPin));
        }
        // Not repeated: if the response is lost, only a new enrolment helps.
        String path = "/device/v1/enrollments/" + encode(profile.id) + "/authenticators";
        Map<String, Object> request = Json.of("message", profile.seal(registration, "countersign-registration"));
        Map<String, Object> content = profile.open(call("POST", path, request, profile.id), "countersign-token");
        byte[] token = Jose.decode(Json.text(content, "token"));
        if (token.length != 32) {
            throw new Json.Invalid("a token that does not have 32 bytes");
        }
        byte[] salt = Jose.random(16);
        byte[] locked = Pin.lock(token, newPin, salt);
        profile.data.put("pin", Json.of("salt", Jose.encode(salt), "locked", Jose.encode(locked)));
        return Json.of("registered", "pin");
    }

    // Transactions

    private Map<String, Object> show(String transactionId) throws Exception {
        Map<String, Object> list = api.repeat("GET", "/device/v1/transactions", null);
        for (Object each : Json.list(list.get("transactions"))) {
            Map<String, Object> transaction = Json.object(each);
            if (transactionId.equals(transaction.get("transaction_id"))) {
                Profile profile = profile(Json.text(transaction, "profile_id"));
                String path = "/device/v1/transactions/" + encode(transactionId) + "/fetch";
                Map<String, Object> response = call("POST", path, Json.of("profile_id", profile.id), profile.id);
                return keep(profile, transactionId, profile.open(response, "countersign-challenge"));
            }
        }
        throw new Mistake("not a pending transaction of this phone");
    }

    private Map<String, Object> scan(Profile profile, String text) throws Exception {
        String transactionId;
        try {
            Object scanned = Json.parse(Json.utf8(Base64.getDecoder().decode(text)));
            transactionId = Json.text(Json.object(scanned), "transaction_id");
        } catch (IllegalArgumentException | Json.Invalid e) {
            throw new Mistake("not a one-time password");
        }
        Map<String, Object> request = Json.of("profile_id", profile.id, "otp", text);
        Map<String, Object> response = call("POST", "/device/v1/otp", request, profile.id);
        return keep(profile, transactionId, profile.open(response, "countersign-challenge"));
    }

    /** Keeps a challenge for the answer, so that the user answers what was shown. */
    private Map<String, Object> keep(Profile profile, String transactionId, Map<String, Object> challenge)
            throws Exception {
        if (!transactionId.equals(Json.text(challenge, "transaction_id"))) {
            throw new Jose.InvalidMessage("the challenge of another transaction");
        }
        challenges().put(transactionId, Json.of("profile_id", profile.id, "challenge", challenge));
        return challenge;
    }

    private Map<String, Object> approve(Map<String, Object> shown, String pin, String number) throws Exception {
        Profile profile = profile(Json.text(shown, "profile_id"));
        Map<String, Object> challenge = Json.object(shown.get("challenge"));
        Map<String, Object> answer = answer(challenge, true);
        String method = Json.text(Json.object(challenge.get("type")), "method");
        if (!Set.of("push", "otp").contains(method)) { // all other methods accept the PIN
            if (pin == null) {
                throw new Mistake("this transaction requires the PIN: --pin");
            }
            answer.put("credential", Json.of("type", "pin", "token", profile.pinToken(pin)));
        }
        if (challenge.containsKey("signing_data")) {
            byte[] data = Json.text(challenge, "signing_data").getBytes(StandardCharsets.UTF_8);
            answer.put("signature", Base64.getEncoder().encodeToString(Jose.sign(data, profile.signing)));
        }
        if (challenge.containsKey("number_matching_digits")) {
            long digits = Json.number(challenge, "number_matching_digits");
            if (number == null || !number.matches("[0-9]{" + digits + "}")) { // a wrong one ends the transaction
                throw new Mistake("this transaction requires the number that the portal shows: --number");
            }
            answer.put("number", number);
        }
        return send(profile, answer);
    }

    private Map<String, Object> deny(Map<String, Object> shown, boolean fraud) throws Exception {
        Map<String, Object> answer = answer(Json.object(shown.get("challenge")), false);
        if (fraud) {
            answer.put("fraud", true);
        }
        return send(profile(Json.text(shown, "profile_id")), answer);
    }

    private static Map<String, Object> answer(Map<String, Object> challenge, boolean authenticated)
            throws Json.Invalid {
        return Json.of("transaction_id", Json.text(challenge, "transaction_id"),
                "token", Json.text(challenge, "token"), "authenticated", authenticated);
    }

    private Map<String, Object> send(Profile profile, Map<String, Object> answer) throws Exception {
        state.put("unanswered", Json.of("transaction_id", answer.get("transaction_id"), "profile_id", profile.id,
                "message", profile.seal(answer, "countersign-answer")));
        save(); // if the app is killed or offline, it sends the same bytes again: a wrong PIN must not count twice
        return repeatAnswer();
    }

    /** Sends the sealed answer that has no response yet. */
    private Map<String, Object> repeatAnswer() throws Exception {
        if (!state.containsKey("unanswered")) {
            return Map.of();
        }
        Map<String, Object> unanswered = Json.object(state.get("unanswered"));
        String transactionId = Json.text(unanswered, "transaction_id");
        try {
            Map<String, Object> response = call("POST", "/device/v1/transactions/" + encode(transactionId) + "/answer",
                    Json.of("message", unanswered.get("message")), Json.text(unanswered, "profile_id"));
            challenges().remove(transactionId);
            state.remove("unanswered");
            return response;
        } catch (Api.Failure failure) {
            if (failure.status < 500) {
                state.remove("unanswered");
            }
            if (failure.error.equals("invalid_transaction")) {
                challenges().remove(transactionId);
            }
            throw failure;
        }
    }

    // State

    /** A call of one profile (null: of none), with the consequences of its errors. */
    private Map<String, Object> call(String method, String path, Map<String, Object> body, String profileId)
            throws Exception {
        try {
            boolean once = path.endsWith("/enrollments") || path.endsWith("/authenticators");
            return once ? api.call(method, path, body) : api.repeat(method, path, body);
        } catch (Api.Failure failure) {
            if (failure.error.equals("invalid_device_token")) {
                forgetDevice();
            }
            if (failure.error.equals("invalid_profile") || failure.error.equals("disconnected")) {
                forget(profileId);
            }
            throw failure;
        }
    }

    private Profile profile(String id) throws Exception {
        if (id == null && profiles().size() != 1) {
            throw new Mistake(profiles().isEmpty() ? "enrol first" : "which --profile? " + profiles().keySet());
        }
        String profileId = id == null ? profiles().keySet().iterator().next() : id;
        if (!profiles().containsKey(profileId)) {
            throw new Mistake("no keys of the profile " + profileId + ": enrol again");
        }
        return new Profile(profileId, Json.object(profiles().get(profileId)));
    }

    private Map<String, Object> shown(String transactionId) throws Exception {
        if (!challenges().containsKey(transactionId)) {
            throw new Mistake("show it first");
        }
        return Json.object(challenges().get(transactionId));
    }

    /** Deletes everything of a profile. */
    private void forget(String profileId) throws Json.Invalid {
        profiles().remove(profileId);
        challenges().values().removeIf(shown -> profileId.equals(((Map<?, ?>) shown).get("profile_id")));
    }

    private void forgetDevice() {
        state.clear();
        api.deviceToken = null;
    }

    private Map<String, Object> profiles() throws Json.Invalid {
        return Json.object(state.computeIfAbsent("profiles", name -> new LinkedHashMap<>()));
    }

    private Map<String, Object> challenges() throws Json.Invalid {
        return Json.object(state.computeIfAbsent("challenges", name -> new LinkedHashMap<>()));
    }

    private void save() throws IOException {
        state.put("server", api.server);
        state.put("clock_difference", api.clockDifference);
        Path temporary = Files.createTempFile(file.getParent(), "phone", ".json"); // only its owner can read it
        Files.writeString(temporary, Json.write(state));
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static String takeOption(List<String> words, String name) {
        int index = words.indexOf(name);
        if (index < 0 || index + 1 >= words.size()) {
            return null;
        }
        words.remove(index);
        return words.remove(index);
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static Map<String, Object> error(String description) {
        return Json.of("error", description);
    }

    /** The user has made a mistake. */
    private static final class Mistake extends Exception {
        Mistake(String message) {
            super(message);
        }
    }

    /** One user on this phone: the own keys, the server's keys of the enrolment, and the locked PIN token. */
    private static final class Profile {
        final String id;
        final Map<String, Object> data;
        final KeyPair signing;
        final KeyPair encryption;
        final Jose.PublicKeys server;

        Profile(String id, Map<String, Object> data) throws Exception {
            this.id = id;
            this.data = data;
            signing = Jose.keyPair(Json.object(data.get("signing_key")));
            encryption = Jose.keyPair(Json.object(data.get("encryption_key")));
            server = Jose.publicKeys(Json.object(data.get("server_public_keys")));
        }

        String seal(Map<String, Object> content, String typ) throws Exception {
            return Jose.seal(content, typ, signing, server.encryption());
        }

        Map<String, Object> open(Map<String, Object> response, String typ) throws Exception {
            return Jose.open(Json.text(response, "message"), typ, encryption, server.signing());
        }

        /** The PIN token. A wrong PIN gives a wrong token: nothing on this phone can tell. */
        String pinToken(String pin) throws Exception {
            if (!data.containsKey("pin")) {
                throw new Mistake("this profile has no PIN yet");
            }
            Map<String, Object> locked = Json.object(data.get("pin"));
            byte[] salt = Jose.decode(Json.text(locked, "salt"));
            return Jose.encode(Pin.lock(Jose.decode(Json.text(locked, "locked")), pin, salt));
        }
    }
}

/** The calls to the server, and the server's time. Android has HttpURLConnection instead of HttpClient. */
final class Api {
    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();
    String server;
    String deviceToken;
    long clockDifference; // in ms, to add to the clock of this phone
    long clockError; // for tests: how wrong this clock is

    /** An error response. */
    static final class Failure extends Exception {
        final int status;
        final String error;
        final Map<String, Object> response;

        Failure(int status, Map<String, Object> response) {
            this.status = status;
            this.error = String.valueOf(response.get("error"));
            this.response = new LinkedHashMap<>(response);
            this.response.put("status", (long) status);
            this.response.putIfAbsent("error", "invalid response");
        }
    }

    long serverTime() {
        return clock() + clockDifference;
    }

    private long clock() {
        return System.currentTimeMillis() + clockError;
    }

    /** Repeats a call after network errors and a busy server. The body is the same each time, byte for byte. */
    Map<String, Object> repeat(String method, String path, Map<String, Object> body) throws Exception {
        for (int seconds = 1; ; seconds *= 2) {
            try {
                return call(method, path, body);
            } catch (Failure failure) {
                if (failure.status < 500 || seconds > 4) {
                    throw failure;
                }
            } catch (IOException e) {
                if (seconds > 4) {
                    throw e;
                }
            }
            Thread.sleep(seconds * 1000L);
        }
    }

    Map<String, Object> call(String method, String path, Map<String, Object> body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.replaceAll("/+$", "") + path))
                .timeout(Duration.ofSeconds(30)).header("Accept", "application/json");
        if (deviceToken != null) {
            request.header("Authorization", "Bearer " + deviceToken);
        }
        if (body == null) {
            request.method(method, HttpRequest.BodyPublishers.noBody());
        } else {
            request.header("Content-Type", "application/json");
            request.method(method, HttpRequest.BodyPublishers.ofString(Json.write(body), StandardCharsets.UTF_8));
        }
        HttpResponse<byte[]> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        Optional<String> date = answer.headers().firstValue("Date");
        if (date.isPresent()) { // of errors too
            Instant time = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date.get()));
            clockDifference = time.toEpochMilli() - clock();
        }
        int status = answer.statusCode();
        byte[] bytes = answer.body();
        Map<String, Object> response;
        try {
            response = bytes.length == 0 ? Map.of() : Json.object(Json.parse(Json.utf8(bytes)));
        } catch (Json.Invalid e) {
            if (status < 300) {
                throw e;
            }
            response = Map.of(); // an error of a proxy
        }
        if (status < 200 || status >= 300) {
            throw new Failure(status, response);
        }
        return response;
    }
}

/** Keys on P-256 and sealed messages: a JWS (ES256) in a JWE (ECDH-ES+A256KW, A256GCM). */
final class Jose {
    private static final ECParameterSpec P256 = p256();
    private static final int LONGEST_MESSAGE = 1024 * 1024;

    /** A message that must not be used. */
    static final class InvalidMessage extends Exception {
        InvalidMessage(String message) {
            super(message);
        }
    }

    record PublicKeys(ECPublicKey signing, ECPublicKey encryption) {
    }

    /** Signs and encrypts. */
    static String seal(Map<String, Object> content, String typ, KeyPair sender, ECPublicKey receiver)
            throws GeneralSecurityException {
        String sendersKid = thumbprint((ECPublicKey) sender.getPublic());
        Map<String, Object> signed = Json.of("alg", "ES256", "kid", sendersKid, "typ", typ);
        String input = encode(bytes(Json.write(signed))) + "." + encode(bytes(Json.write(content)));
        String jws = input + "." + encode(rawSignature(sign(bytes(input), sender)));

        KeyPair ephemeral = createKey();
        Map<String, Object> encrypted = Json.of("alg", "ECDH-ES+A256KW", "enc", "A256GCM",
                "kid", thumbprint(receiver), "cty", "JOSE", "epk", jwk((ECPublicKey) ephemeral.getPublic()));
        String header = encode(bytes(Json.write(encrypted)));
        SecretKey key = new SecretKeySpec(random(32), "AES");
        Cipher wrap = Cipher.getInstance("AESWrap");
        wrap.init(Cipher.WRAP_MODE, agree(ephemeral, receiver));
        byte[] iv = random(12);
        Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding");
        gcm.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, iv));
        gcm.updateAAD(bytes(header));
        byte[] text = gcm.doFinal(bytes(jws));
        int length = text.length - 16; // the last 16 bytes are the tag
        return String.join(".", header, encode(wrap.wrap(key)), encode(iv),
                encode(Arrays.copyOf(text, length)), encode(Arrays.copyOfRange(text, length, text.length)));
    }

    /** Decrypts and verifies. Everything that is not exactly as the protocol describes is an invalid message. */
    static Map<String, Object> open(String message, String typ, KeyPair receiver, ECPublicKey sender)
            throws InvalidMessage {
        try {
            require(message.length() <= LONGEST_MESSAGE, "too long");
            String[] jwe = message.split("\\.", -1);
            require(jwe.length == 5, "not a JWE in the compact form");
            Map<String, Object> encrypted = Json.object(Json.parse(Json.utf8(decode(jwe[0]))));
            Map<String, Object> epk = Json.object(encrypted.get("epk"));
            String kid = thumbprint((ECPublicKey) receiver.getPublic());
            require(encrypted.equals(Map.of("alg", "ECDH-ES+A256KW", "enc", "A256GCM", "kid", kid, "cty", "JOSE",
                    "epk", epk)), "another header of the JWE");
            require(epk.keySet().equals(Set.of("kty", "crv", "x", "y")), "other members of epk");
            byte[] iv = decode(jwe[2]);
            byte[] text = decode(jwe[3]);
            byte[] tag = decode(jwe[4]);
            require(iv.length == 12 && tag.length == 16, "another length of iv or tag");

            Cipher wrap = Cipher.getInstance("AESWrap");
            wrap.init(Cipher.UNWRAP_MODE, agree(receiver, publicKey(epk)));
            SecretKey key = (SecretKey) wrap.unwrap(decode(jwe[1]), "AES", Cipher.SECRET_KEY);
            require(key.getEncoded().length == 32, "another length of the content key");
            Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding");
            gcm.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, iv));
            gcm.updateAAD(bytes(jwe[0]));
            String[] jws = Json.utf8(gcm.doFinal(join(text, tag))).split("\\.", -1);

            require(jws.length == 3, "not a JWS in the compact form");
            Map<String, Object> signed = Json.object(Json.parse(Json.utf8(decode(jws[0]))));
            require(signed.equals(Map.of("alg", "ES256", "kid", thumbprint(sender), "typ", typ)),
                    "another header of the JWS");
            byte[] signature = derSignature(decode(jws[2]));
            require(verify(bytes(jws[0] + "." + jws[1]), signature, sender), "not signed by the sender");
            return Json.object(Json.parse(Json.utf8(decode(jws[1]))));
        } catch (GeneralSecurityException | Json.Invalid e) {
            throw new InvalidMessage(e.getMessage());
        }
    }

    private static void require(boolean condition, String otherwise) throws InvalidMessage {
        if (!condition) {
            throw new InvalidMessage(otherwise);
        }
    }

    /** ECDH and the Concat KDF: the key that wraps the content key. */
    private static SecretKey agree(KeyPair own, ECPublicKey other) throws GeneralSecurityException {
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(own.getPrivate());
        agreement.doPhase(other, true);
        byte[] algorithm = bytes("ECDH-ES+A256KW");
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(integer(1));
        digest.update(agreement.generateSecret());
        digest.update(join(integer(algorithm.length), algorithm)); // AlgorithmID
        digest.update(join(integer(0), integer(0))); // PartyUInfo, PartyVInfo
        digest.update(integer(256)); // SuppPubInfo: the length in bits
        return new SecretKeySpec(digest.digest(), "AES");
    }

    // Signatures: DER is what Java and the Android key store create, the 64 bytes r and s are what JOSE has.

    static byte[] sign(byte[] data, KeyPair key) throws GeneralSecurityException {
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(key.getPrivate());
        signature.update(data);
        return signature.sign();
    }

    static boolean verify(byte[] data, byte[] der, PublicKey key) throws GeneralSecurityException {
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initVerify(key);
        signature.update(data);
        return signature.verify(der);
    }

    static byte[] rawSignature(byte[] der) {
        int start = 4; // 30 length 02 length r 02 length s
        int end = start + der[start - 1];
        BigInteger r = new BigInteger(Arrays.copyOfRange(der, start, end));
        BigInteger s = new BigInteger(Arrays.copyOfRange(der, end + 2, der.length));
        return join(fixed(r), fixed(s));
    }

    static byte[] derSignature(byte[] raw) throws GeneralSecurityException {
        if (raw.length != 64) {
            throw new GeneralSecurityException("a signature that does not have 64 bytes");
        }
        byte[] integers = new byte[0];
        for (int start : new int[] {0, 32}) {
            BigInteger integer = new BigInteger(1, Arrays.copyOfRange(raw, start, start + 32));
            if (integer.signum() == 0 || integer.compareTo(P256.getOrder()) >= 0) { // Java verified zeros until 2022
                throw new GeneralSecurityException("a signature with numbers out of range");
            }
            byte[] value = integer.toByteArray();
            integers = join(integers, join(new byte[] {2, (byte) value.length}, value));
        }
        return join(new byte[] {0x30, (byte) integers.length}, integers);
    }

    // Keys

    static KeyPair createKey() throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        return generator.generateKeyPair();
    }

    /** The RFC 7638 thumbprint: this is the kid of a key. */
    static String thumbprint(ECPublicKey key) throws GeneralSecurityException {
        Map<String, Object> jwk = jwk(key);
        String text = Json.write(
                Json.of("crv", jwk.get("crv"), "kty", jwk.get("kty"), "x", jwk.get("x"), "y", jwk.get("y")));
        return encode(MessageDigest.getInstance("SHA-256").digest(bytes(text)));
    }

    private static Map<String, Object> jwk(ECPublicKey key) {
        return Json.of("kty", "EC", "crv", "P-256",
                "x", encode(fixed(key.getW().getAffineX())), "y", encode(fixed(key.getW().getAffineY())));
    }

    static Map<String, Object> publicJwk(ECPublicKey key, String use, String alg) {
        Map<String, Object> jwk = jwk(key);
        jwk.put("use", use);
        jwk.put("alg", alg);
        return jwk;
    }

    static Map<String, Object> privateJwk(KeyPair key, String use, String alg) {
        Map<String, Object> jwk = publicJwk((ECPublicKey) key.getPublic(), use, alg);
        jwk.put("d", encode(fixed(((ECPrivateKey) key.getPrivate()).getS())));
        return jwk;
    }

    /** A point that is not on the curve would reveal bits of the own key: the check is part of reading the key. */
    static ECPublicKey publicKey(Map<String, Object> jwk) throws GeneralSecurityException, Json.Invalid {
        if (!"EC".equals(jwk.get("kty")) || !"P-256".equals(jwk.get("crv"))) {
            throw new GeneralSecurityException("not a key on P-256");
        }
        BigInteger x = coordinate(Json.text(jwk, "x"));
        BigInteger y = coordinate(Json.text(jwk, "y"));
        BigInteger p = ((ECFieldFp) P256.getCurve().getField()).getP();
        BigInteger right = x.pow(3).add(P256.getCurve().getA().multiply(x)).add(P256.getCurve().getB());
        if (x.compareTo(p) >= 0 || y.compareTo(p) >= 0 || y.multiply(y).subtract(right).mod(p).signum() != 0) {
            throw new GeneralSecurityException("a point that is not on the curve");
        }
        return (ECPublicKey) KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(new ECPoint(x, y), P256));
    }

    private static BigInteger coordinate(String text) throws GeneralSecurityException, Json.Invalid {
        byte[] bytes = decode(text);
        if (bytes.length != 32) {
            throw new GeneralSecurityException("a coordinate that does not have 32 bytes");
        }
        return new BigInteger(1, bytes);
    }

    static KeyPair keyPair(Map<String, Object> jwk) throws GeneralSecurityException, Json.Invalid {
        ECPrivateKeySpec spec = new ECPrivateKeySpec(coordinate(Json.text(jwk, "d")), P256);
        return new KeyPair(publicKey(jwk), KeyFactory.getInstance("EC").generatePrivate(spec));
    }

    /** The two keys of a JWK Set. */
    static PublicKeys publicKeys(Map<String, Object> set) throws GeneralSecurityException, Json.Invalid {
        return new PublicKeys(publicKey(find(set, "sig", "ES256")), publicKey(find(set, "enc", "ECDH-ES+A256KW")));
    }

    static Map<String, Object> find(Map<String, Object> set, String use, String alg) throws Json.Invalid {
        Map<String, Object> found = null;
        for (Object each : Json.list(set.get("keys"))) {
            Map<String, Object> jwk = Json.object(each);
            if (use.equals(jwk.get("use")) && alg.equals(jwk.get("alg"))) {
                if (found != null) {
                    throw new Json.Invalid("two keys for " + use);
                }
                found = jwk;
            }
        }
        return Json.object(found);
    }

    private static ECParameterSpec p256() {
        try {
            AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
            parameters.init(new ECGenParameterSpec("secp256r1"));
            return parameters.getParameterSpec(ECParameterSpec.class);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    // Bytes

    static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Base64url without padding. Only the text that encode() would give is accepted. */
    static byte[] decode(String text) throws Json.Invalid {
        byte[] bytes;
        try {
            bytes = Base64.getUrlDecoder().decode(text);
        } catch (IllegalArgumentException e) {
            throw new Json.Invalid("not base64url");
        }
        if (!encode(bytes).equals(text)) {
            throw new Json.Invalid("not base64url without padding");
        }
        return bytes;
    }

    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    /** A number as exactly 32 bytes: BigInteger drops leading zeros, and adds one as a sign. */
    private static byte[] fixed(BigInteger number) {
        byte[] bytes = number.toByteArray();
        byte[] result = new byte[32];
        int length = Math.min(32, bytes.length);
        System.arraycopy(bytes, bytes.length - length, result, 32 - length, length);
        return result;
    }

    private static byte[] integer(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] result = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, result, first.length, second.length);
        return result;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

/** Locks the PIN token, so that nothing that is stored reveals a wrong PIN. */
final class Pin {
    /** Locks, and unlocks: token XOR scrypt(PIN, salt). */
    static byte[] lock(byte[] token, String pin, byte[] salt) throws GeneralSecurityException {
        byte[] key = scrypt(pin.getBytes(StandardCharsets.UTF_8), salt, 32768, 8, 1, 32);
        byte[] result = new byte[32];
        for (int i = 0; i < 32; i++) {
            result[i] = (byte) (token[i] ^ key[i]);
        }
        return result;
    }

    /** RFC 7914. */
    static byte[] scrypt(byte[] password, byte[] salt, int n, int r, int p, int length)
            throws GeneralSecurityException {
        byte[] blocks = pbkdf2(password, salt, p * 128 * r);
        for (int i = 0; i < p; i++) {
            IntBuffer block = ByteBuffer.wrap(blocks, i * 128 * r, 128 * r).slice()
                    .order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
            int[] words = new int[32 * r];
            block.get(words);
            mix(words, n);
            block.rewind();
            block.put(words);
        }
        return pbkdf2(password, blocks, length);
    }

    /** scryptROMix. */
    private static void mix(int[] x, int n) {
        int[][] memory = new int[n][];
        int[] y = new int[x.length];
        for (int i = 0; i < n; i++) {
            memory[i] = x.clone();
            blockMix(x, y);
        }
        for (int i = 0; i < n; i++) {
            int[] chosen = memory[x[x.length - 16] & (n - 1)];
            for (int k = 0; k < x.length; k++) {
                x[k] ^= chosen[k];
            }
            blockMix(x, y);
        }
    }

    /** scryptBlockMix of x, with y as working memory. */
    private static void blockMix(int[] x, int[] y) {
        int blocks = x.length / 16;
        int[] block = Arrays.copyOfRange(x, x.length - 16, x.length);
        for (int i = 0; i < blocks; i++) {
            for (int k = 0; k < 16; k++) {
                block[k] ^= x[i * 16 + k];
            }
            salsa(block);
            System.arraycopy(block, 0, y, (i / 2 + i % 2 * (blocks / 2)) * 16, 16);
        }
        System.arraycopy(y, 0, x, 0, x.length);
    }

    private static final int[][] QUARTERS = {
        {0, 4, 8, 12}, {5, 9, 13, 1}, {10, 14, 2, 6}, {15, 3, 7, 11}, // columns
        {0, 1, 2, 3}, {5, 6, 7, 4}, {10, 11, 8, 9}, {15, 12, 13, 14}, // rows
    };

    /** Salsa20/8. */
    private static void salsa(int[] block) {
        int[] x = block.clone();
        for (int round = 0; round < 4; round++) {
            for (int[] q : QUARTERS) {
                x[q[1]] ^= Integer.rotateLeft(x[q[0]] + x[q[3]], 7);
                x[q[2]] ^= Integer.rotateLeft(x[q[1]] + x[q[0]], 9);
                x[q[3]] ^= Integer.rotateLeft(x[q[2]] + x[q[1]], 13);
                x[q[0]] ^= Integer.rotateLeft(x[q[3]] + x[q[2]], 18);
            }
        }
        for (int i = 0; i < 16; i++) {
            block[i] += x[i];
        }
    }

    /** PBKDF2 with HMAC-SHA-256 and one iteration. */
    private static byte[] pbkdf2(byte[] password, byte[] salt, int length) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(password, "HmacSHA256"));
        ByteBuffer result = ByteBuffer.allocate((length + 31) / 32 * 32);
        for (int i = 1; result.hasRemaining(); i++) {
            mac.update(salt);
            result.put(mac.doFinal(ByteBuffer.allocate(4).putInt(i).array()));
        }
        return Arrays.copyOf(result.array(), length);
    }
}

/** JSON, as strict as it must be for signed data: valid UTF-8, no member twice, nothing after the end. */
final class Json {
    private static final int DEEPEST = 32;
    private final String text;
    private int position;

    static final class Invalid extends Exception {
        Invalid(String message) {
            super(message);
        }
    }

    private Json(String text) {
        this.text = text;
    }

    static Object parse(String text) throws Invalid {
        Json json = new Json(text);
        Object value = json.value(0);
        json.skipSpace();
        if (json.position != text.length()) {
            throw json.invalid();
        }
        return value;
    }

    static String utf8(byte[] bytes) throws Invalid {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new Invalid("not UTF-8");
        }
    }

    private Object value(int depth) throws Invalid {
        skipSpace();
        if (depth > DEEPEST) {
            throw invalid();
        }
        if (take("{")) {
            Map<String, Object> object = new LinkedHashMap<>();
            skipSpace();
            if (take("}")) {
                return object;
            }
            do {
                skipSpace();
                String name = string();
                skipSpace();
                expect(":");
                if (object.containsKey(name)) {
                    throw invalid();
                }
                object.put(name, value(depth + 1));
                skipSpace();
            } while (take(","));
            expect("}");
            return object;
        }
        if (take("[")) {
            List<Object> list = new ArrayList<>();
            skipSpace();
            if (take("]")) {
                return list;
            }
            do {
                list.add(value(depth + 1));
                skipSpace();
            } while (take(","));
            expect("]");
            return list;
        }
        if (text.startsWith("\"", position)) {
            return string();
        }
        if (take("true")) {
            return true;
        }
        if (take("false")) {
            return false;
        }
        return take("null") ? null : number();
    }

    private Object number() throws Invalid {
        int start = position;
        while (position < text.length() && "+-.eE0123456789".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
        String number = text.substring(start, position);
        if (!number.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?")) {
            throw invalid();
        }
        try {
            return number.matches("-?[0-9]+") ? (Object) Long.valueOf(number) : (Object) Double.valueOf(number);
        } catch (NumberFormatException e) {
            throw invalid();
        }
    }

    private String string() throws Invalid {
        expect("\"");
        StringBuilder result = new StringBuilder();
        while (!take("\"")) {
            char character = next();
            if (character < ' ') {
                throw invalid();
            }
            result.append(character == '\\' ? escape() : character);
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(result)) {
            throw invalid(); // half of a surrogate pair: it has no UTF-8 bytes to sign
        }
        return result.toString();
    }

    private char escape() throws Invalid {
        char character = next();
        if (character == 'u') {
            String digits = text.substring(position, Math.min(position + 4, text.length()));
            if (!digits.matches("[0-9a-fA-F]{4}")) {
                throw invalid();
            }
            position += 4;
            return (char) Integer.parseInt(digits, 16);
        }
        int index = "\"\\/bfnrt".indexOf(character);
        if (index < 0) {
            throw invalid();
        }
        return "\"\\/\b\f\n\r\t".charAt(index);
    }

    private char next() throws Invalid {
        if (position >= text.length()) {
            throw invalid();
        }
        return text.charAt(position++);
    }

    private boolean take(String expected) {
        boolean found = text.startsWith(expected, position);
        position += found ? expected.length() : 0;
        return found;
    }

    private void expect(String expected) throws Invalid {
        if (!take(expected)) {
            throw invalid();
        }
    }

    private void skipSpace() {
        while (position < text.length() && " \t\r\n".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
    }

    private Invalid invalid() {
        return new Invalid("not JSON, at character " + position);
    }

    // Reading members

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) throws Invalid {
        return (Map<String, Object>) require(value, Map.class);
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Object value) throws Invalid {
        return (List<Object>) require(value, List.class);
    }

    static String text(Map<String, Object> object, String name) throws Invalid {
        return require(object.get(name), String.class);
    }

    static long number(Map<String, Object> object, String name) throws Invalid {
        return require(object.get(name), Long.class);
    }

    private static <T> T require(Object value, Class<T> type) throws Invalid {
        if (!type.isInstance(value)) {
            throw new Invalid("a member is missing or of another type");
        }
        return type.cast(value);
    }

    // Writing

    static Map<String, Object> of(Object... namesAndValues) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            object.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return object;
    }

    static String write(Object value) {
        if (value instanceof Map<?, ?> map) {
            List<String> members = new ArrayList<>();
            map.forEach((name, member) -> members.add(quote((String) name) + ":" + write(member)));
            return "{" + String.join(",", members) + "}";
        }
        if (value instanceof List<?> list) {
            return "[" + String.join(",", list.stream().map(Json::write).toList()) + "]";
        }
        return value instanceof String string ? quote(string) : String.valueOf(value);
    }

    private static String quote(String text) {
        StringBuilder result = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            if (character == '"' || character == '\\') {
                result.append('\\').append(character);
            } else if (character < ' ') {
                result.append(String.format("\\u%04x", (int) character));
            } else {
                result.append(character);
            }
        }
        return result.append('"').toString();
    }
}

/** Checks this program with docs/test-vectors.json, and its scrypt with the vectors of RFC 7914. */
final class Vectors {
    private final Map<String, Object> counts = new LinkedHashMap<>();
    private final List<Object> failed = new ArrayList<>();

    static Map<String, Object> check(Path file) throws Exception {
        Map<String, Object> vectors = Json.object(Json.parse(Files.readString(file)));
        Vectors check = new Vectors();
        check.scrypt();
        check.lockedPinToken(Json.object(vectors.get("locked_pin_token")));
        check.otp(Json.object(vectors.get("otp")));
        Map<String, Object> jose = Json.object(vectors.get("jose"));
        for (Object device : Json.list(jose.get("devices"))) {
            check.device(Json.object(jose.get("server")), Json.object(device));
        }
        if (!check.failed.isEmpty()) {
            check.counts.put("error", "vectors failed");
            check.counts.put("failed", check.failed);
        }
        return check.counts;
    }

    private void expect(boolean condition, String kind, String name) {
        if (condition) {
            counts.merge(kind, 1L, (count, one) -> (long) count + (long) one);
        } else {
            failed.add(kind + ": " + name);
        }
    }

    private void device(Map<String, Object> server, Map<String, Object> device) throws Exception {
        Map<String, Object> serverSecrets = Json.object(server.get("secret_keys"));
        Map<String, Object> deviceSecrets = Json.object(device.get("secret_keys"));
        KeyPair serverSigning = Jose.keyPair(Jose.find(serverSecrets, "sig", "ES256"));
        KeyPair serverEncryption = Jose.keyPair(Jose.find(serverSecrets, "enc", "ECDH-ES+A256KW"));
        KeyPair signing = Jose.keyPair(Jose.find(deviceSecrets, "sig", "ES256"));
        KeyPair encryption = Jose.keyPair(Jose.find(deviceSecrets, "enc", "ECDH-ES+A256KW"));
        Jose.PublicKeys serverKeys = Jose.publicKeys(Json.object(server.get("public_keys")));
        Jose.PublicKeys deviceKeys = Jose.publicKeys(Json.object(device.get("public_keys")));
        for (Object key : Json.list(Json.object(server.get("public_keys")).get("keys"))) {
            Map<String, Object> jwk = Json.object(key);
            expect(Jose.thumbprint(Jose.publicKey(jwk)).equals(jwk.get("kid")), "thumbprints", Json.text(jwk, "use"));
        }
        Direction toDevice = new Direction(serverSigning, serverKeys.signing(), encryption, deviceKeys.encryption());
        Direction toServer = new Direction(signing, deviceKeys.signing(), serverEncryption, serverKeys.encryption());
        for (Object vector : Json.object(device.get("to_device")).values()) {
            message(toDevice, Json.object(vector));
        }
        for (Object vector : Json.object(device.get("to_server")).values()) {
            message(toServer, Json.object(vector));
        }
        for (Object each : Json.list(device.get("refused"))) {
            Map<String, Object> vector = Json.object(each);
            String direction = Json.text(vector, "direction");
            boolean opened = open(direction.equals("to_device") ? toDevice : toServer, vector) != null;
            if (direction.equals("to_server") && Json.text(vector, "message").length() > 64 * 1024) {
                opened = false; // only the server has this limit
            }
            expect(!opened, "refused_" + direction, Json.text(vector, "reason"));
        }
        signature(Json.object(device.get("signature")), signing);
    }

    private record Direction(KeyPair sender, ECPublicKey publicSender, KeyPair receiver, ECPublicKey publicReceiver) {
    }

    private void message(Direction direction, Map<String, Object> vector) throws Exception {
        Map<String, Object> content = Json.object(vector.get("content"));
        String typ = Json.text(vector, "typ");
        expect(content.equals(open(direction, vector)), "opened", typ);
        String sealed = Jose.seal(content, typ, direction.sender, direction.publicReceiver);
        expect(content.equals(open(direction, Json.of("message", sealed, "typ", typ))), "sealed", typ);
    }

    /** The content, or null if the message is refused. Any other exception is an error of this program, and ends it. */
    private static Map<String, Object> open(Direction direction, Map<String, Object> vector) throws Json.Invalid {
        try {
            String message = Json.text(vector, "message");
            return Jose.open(message, Json.text(vector, "typ"), direction.receiver, direction.publicSender);
        } catch (Jose.InvalidMessage e) {
            return null;
        }
    }

    private void signature(Map<String, Object> vector, KeyPair signing) throws Exception {
        byte[] data = Json.text(vector, "data").getBytes(StandardCharsets.UTF_8);
        byte[] der = Base64.getDecoder().decode(Json.text(vector, "der"));
        byte[] raw = Base64.getDecoder().decode(Json.text(vector, "raw"));
        String pem = Json.text(vector, "public_key_pem").replaceAll("-----[A-Z ]+-----|\\s", "");
        PublicKey key = KeyFactory.getInstance("EC")
                .generatePublic(new X509EncodedKeySpec(Base64.getDecoder().decode(pem)));
        expect(Jose.verify(data, der, key), "signatures", "der");
        expect(Arrays.equals(Jose.derSignature(raw), der), "signatures", "DER from raw");
        expect(Arrays.equals(Jose.rawSignature(der), raw), "signatures", "raw from DER");
        expect(Jose.verify(data, Jose.sign(data, signing), key), "signatures", "own");
    }

    private void lockedPinToken(Map<String, Object> vector) throws Exception {
        byte[] salt = Jose.decode(Json.text(vector, "salt"));
        byte[] locked = Jose.decode(Json.text(vector, "locked"));
        for (String pin : List.of("pin", "wrong_pin")) {
            String token = Json.text(vector, pin.equals("pin") ? "token" : "token_of_wrong_pin");
            expect(token.equals(Jose.encode(Pin.lock(locked, Json.text(vector, pin), salt))), "pin_tokens", pin);
        }
    }

    private void otp(Map<String, Object> vector) throws Exception {
        Object scanned = Json.parse(Json.utf8(Base64.getDecoder().decode(Json.text(vector, "scanned"))));
        expect(Json.of("transaction_id", vector.get("transaction_id"), "otp", vector.get("otp")).equals(scanned),
                "otp", "scanned");
    }

    private void scrypt() throws Exception {
        String[][] vectors = {
            {"password", "NaCl", "1024", "16",
                "/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA=="},
            {"pleaseletmein", "SodiumChloride", "16384", "1",
                "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw=="},
        };
        for (String[] vector : vectors) {
            byte[] key = Pin.scrypt(
                    vector[0].getBytes(StandardCharsets.UTF_8), vector[1].getBytes(StandardCharsets.UTF_8),
                    Integer.parseInt(vector[2]), 8, Integer.parseInt(vector[3]), 64);
            expect(Base64.getEncoder().encodeToString(key).equals(vector[4]), "scrypt", vector[0]);
        }
    }
}
