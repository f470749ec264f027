import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;

/** The two HTTP clients of the JDK: prints what each was answered, one status and body a line. */
public class JavaClients {
  public static void main(String[] args) throws Exception {
    String update = args[0] + "/m2/demo/profile/update?mbox3rdPartyId=java";
    HttpClient client = HttpClient.newHttpClient();
    // As it comes it offers HTTP/2, and sends "Expect: 100-Continue" with a capital C.
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(update)).expectContinue(true);
    for (String value : new String[] {"one", "two"}) {
      var answer = client.send(request.POST(BodyPublishers.ofString("profile.a=" + value)).build(), BodyHandlers.ofString());
      System.out.println("HttpClient " + answer.version() + " " + answer.statusCode() + " " + answer.body());
    }
    byte[] body = "profile.b=three".getBytes(StandardCharsets.UTF_8);
    for (boolean chunked : new boolean[] {false, true}) {
      HttpURLConnection connection = (HttpURLConnection) URI.create(update).toURL().openConnection();
      connection.setDoOutput(true);
      if (chunked) connection.setChunkedStreamingMode(4);
      else connection.setFixedLengthStreamingMode(body.length);
      connection.setRequestProperty("Expect", "100-Continue");
      try (OutputStream out = connection.getOutputStream()) {
        out.write(body);
      }
      String text = new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      System.out.println("HttpURLConnection " + connection.getResponseCode() + " " + text);
    }
  }
}
