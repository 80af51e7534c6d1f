import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A relying party: asks a badge for two claims, shows the link that a wallet opens, waits, and prints the verified result.
 *
 * <p>Run it with {@code java Verify.java}. {@code MAPAE_URL} (default {@code http://localhost:8600}) and {@code MAPAE_API_KEY}
 * say whom to ask and as whom. Plain JDK 17; a program of yours would read the JSON with the library it already has.
 */
public final class Verify {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final String verifications;
    private final String key;

    private Verify(String base, String key) {
        this.verifications = base + "/api/v1/verifications";
        this.key = key;
    }

    public static void main(String[] args) throws Exception {
        String base = System.getenv().getOrDefault("MAPAE_URL", "http://localhost:8600");
        String key = System.getenv("MAPAE_API_KEY");
        if (key == null) {
            throw new IllegalStateException("set MAPAE_API_KEY to the key of your relying party");
        }
        System.out.println(new Verify(base, key).run());
    }

    private String run() throws Exception {
        HttpRequest ask = request(verifications)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"claims\": [\"name\", \"inst_code\"]}"))
                .build();
        String created = send(ask);
        System.out.println("Show this as a QR or a button, or send the person to the page:");
        System.out.println(text(created, "link"));
        System.out.println(text(created, "page"));

        HttpRequest look = request(verifications + "/" + text(created, "id")).build();
        for (int waited = 0; waited < 300; waited++) {
            String standing = send(look);
            switch (text(standing, "state")) {
                case "pending" -> Thread.sleep(1_000);
                case "verified" -> {
                    return standing;
                }
                default -> throw new IllegalStateException("declined: " + text(standing, "error"));
            }
        }
        throw new IllegalStateException("nobody answered");
    }

    private HttpRequest.Builder request(String address) {
        return HttpRequest.newBuilder(URI.create(address)).header("Authorization", "Bearer " + key);
    }

    private static String send(HttpRequest request) throws Exception {
        HttpResponse<String> response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() / 100 != 2) {
            throw new IllegalStateException(response.statusCode() + ": " + response.body());
        }
        return response.body();
    }

    /** The value of a member whose value is text without escapes, the first of its name. */
    private static String text(String json, String member) {
        Matcher found = Pattern.compile("\"" + member + "\":\"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("no " + member + " in " + json);
        }
        return found.group(1);
    }
}
